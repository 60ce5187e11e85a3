import Core
import MQTTTransport

/// A handler that records batches, and refuses or blocks as configured.
final class Recorder: MQTTBatchHandler {
    struct Refusal: Error {}

    private struct State {
        var batches: [MQTTBatch] = []
        var refused: [MQTTBatch] = []
        var refusals: Int
    }

    private let state: Lock<State>
    /// Called on the loop's thread before a batch is accepted.
    private let beforeTaking: @Sendable (MQTTBatch) -> Void

    /// - Parameter refusals: The number of batches to refuse before the first is accepted.
    init(refusals: Int = 0, beforeTaking: @escaping @Sendable (MQTTBatch) -> Void = { _ in }) {
        state = Lock(State(refusals: refusals))
        self.beforeTaking = beforeTaking
    }

    func accept(_ batch: MQTTBatch) throws {
        beforeTaking(batch)
        try state.withLock { state in
            guard state.refusals == 0 else {
                state.refusals -= 1
                state.refused.append(batch)
                throw Refusal()
            }
            state.batches.append(batch)
        }
    }

    var batches: [MQTTBatch] { state.withLock { $0.batches } }
    var refused: [MQTTBatch] { state.withLock { $0.refused } }
    var messages: [MQTTMessage] { batches.flatMap(\.messages) }
    /// The payloads of accepted messages, as text.
    var texts: [String] { messages.map { String(decoding: $0.payload, as: UTF8.self) } }
}
