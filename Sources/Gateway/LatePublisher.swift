import Core
import MQTTTransport

/// Publishes through a client that is made later, because it is made with what publishes. Thread-safe.
final class LatePublisher: Sendable {
    /// Weak: the client holds whoever holds this.
    private struct Slot {
        weak var client: MQTTClient?
    }

    private let slot = Lock(Slot())

    func begin(with client: MQTTClient) {
        slot.withLock { $0.client = client }
    }

    /// Best effort: what cannot be sent now is not sent.
    func publish(_ publication: MQTTPublication) {
        try? slot.withLock { $0.client }?.publish(publication)
    }
}
