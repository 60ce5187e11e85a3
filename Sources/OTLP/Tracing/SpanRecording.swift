import Core
import Telemetry
import Tracing

/// What is known so far of a span that has not ended. Thread-safe.
final class SpanRecording: Sendable {
    private struct State {
        var data: SpanData
        var isRecording = true
    }

    private let state: Lock<State>
    private let limits: SpanData.Limits
    private let ended: @Sendable (SpanData) -> Void

    /// - Parameter ended: called once, outside of the lock, on the thread that ends the span.
    init(_ data: SpanData, limits: SpanData.Limits, ended: @escaping @Sendable (SpanData) -> Void) {
        state = Lock(State(data: data))
        self.limits = limits
        self.ended = ended
    }

    var isRecording: Bool { state.withLock { $0.isRecording } }

    func read<Value: Sendable>(_ value: (SpanData) -> Value) -> Value {
        state.withLock { value($0.data) }
    }

    /// Changes the span unless it has ended.
    func write(_ change: (inout SpanData) -> Void) {
        state.withLock { if $0.isRecording { change(&$0.data) } }
    }

    func add(_ event: SpanEvent) {
        write { data in
            if data.events.count < limits.events {
                data.events.append(event)
            } else {
                data.droppedEventCount += 1
            }
        }
    }

    func add(_ link: SpanLink) {
        write { data in
            if data.links.count < limits.links {
                data.links.append(link)
            } else {
                data.droppedLinkCount += 1
            }
        }
    }

    func end(at end: Timestamp) {
        let finished = state.withLock { state -> SpanData? in
            guard state.isRecording else { return nil }
            state.isRecording = false
            // A wall clock that was set back between the two makes no span of negative length.
            state.data.end = max(end, state.data.start)
            return state.data
        }
        guard var finished else { return }
        limitAttributes(of: &finished)
        ended(finished)
    }

    private func limitAttributes(of data: inout SpanData) {
        let surplus = data.attributes.count - limits.attributes
        guard surplus > 0 else { return }
        var names: [String] = []
        data.attributes.forEach { name, _ in names.append(name) }
        for name in names.sorted().suffix(surplus) { data.attributes.set(name, value: nil) }
        data.droppedAttributeCount += surplus
    }
}
