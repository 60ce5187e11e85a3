import Core
import MQTTTransport

/// Holds back the word of a device's first connection until its clock has been set right, or cannot be: so that its
/// first span is in the gateway's time already. Later connections are told at once.
///
/// Called on the MQTT loop's thread.
final class FirstConnection: Sendable {
    private struct State {
        weak var client: MQTTClient?
        var isDone = false
        var latest: MQTTConnectionState = .idle
    }

    private let clock: DeviceClock
    private let state = Lock(State())

    init(clock: DeviceClock) {
        self.clock = clock
    }

    /// Set before the client connects.
    var client: MQTTClient? {
        get { state.withLock { $0.client } }
        set { state.withLock { $0.client = newValue } }
    }

    func connectionChanged(
        to connection: MQTTConnectionState, tell: @escaping @Sendable (MQTTConnectionState) -> Void
    ) {
        let (isFirst, client) = state.withLock { state in
            state.latest = connection
            guard connection.isConnected, !state.isDone else { return (false, state.client) }
            state.isDone = true
            return (true, state.client)
        }
        guard isFirst, let client else { return tell(connection) }
        clock.connected(through: client) { [self] in
            // What is true by now: it may be gone again.
            tell(state.withLock { $0.latest })
        }
    }
}
