/// How a client stands with its broker.
package enum MQTTConnectionState: Sendable, Equatable, CustomStringConvertible {
    /// Made, but not started.
    case idle
    case connecting
    /// `protocolLevel` is 5 or 4 (3.1.1).
    case connected(protocolLevel: Int, sessionPresent: Bool)
    /// The last attempt or connection failed; another attempt follows.
    case waiting(MQTTError)
    /// Disconnected on purpose; may be connected again.
    case disconnected
    case stopped

    package var isConnected: Bool {
        if case .connected = self { true } else { false }
    }

    /// 5 or 4 (3.1.1) while connected, else 0.
    package var protocolLevel: Int {
        if case .connected(let level, _) = self { level } else { 0 }
    }

    /// One word, for `/readyz` and metrics.
    package var word: String {
        switch self {
        case .idle: "idle"
        case .connecting: "connecting"
        case .connected: "connected"
        case .waiting: "waiting"
        case .disconnected: "disconnected"
        case .stopped: "stopped"
        }
    }

    package var description: String {
        switch self {
        case .connected(let level, let present):
            "connected with MQTT \(level == 5 ? "5" : "3.1.1")\(present ? ", session resumed" : "")"
        case .waiting(let error): "waiting to reconnect: \(error)"
        default: word
        }
    }
}
