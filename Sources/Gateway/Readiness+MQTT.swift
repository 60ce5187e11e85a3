import MQTTTransport
import WebServer

extension Readiness.Check {
    /// The broker's connection: ready when it is up and every subscription was granted.
    static func mqtt(_ client: MQTTClient) -> Readiness.Check {
        let state = client.state
        let refused = client.refusedSubscriptions
        let reason: String? =
            switch state {
            case .waiting(let error): "\(error)"
            case .connected where !refused.isEmpty: refused.map(\.description).joined(separator: " ")
            default: nil
            }
        return Readiness.Check(
            name: "mqtt", isReady: state.isConnected && refused.isEmpty, status: state.word, reason: reason)
    }
}
