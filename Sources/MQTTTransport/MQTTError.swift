/// What can go wrong between the gateway and a broker.
package enum MQTTError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A setting that cannot be used; says which and what is allowed.
    case invalidConfiguration(String)
    /// The broker could not be reached or the connection broke.
    case connectionFailed(String)
    /// The broker answered CONNECT with a refusal.
    case refused(reasonCode: Int, String)
    /// The broker will not let us subscribe to that filter.
    case subscriptionRefused(filter: String, String)
    /// More publications wait than the limit allows.
    case outboundQueueFull(limit: Int)
    /// The client has been stopped.
    case stopped
    /// A publication that MQTT does not allow.
    case invalidPublication(String)

    package var description: String {
        switch self {
        case .invalidConfiguration(let problem): problem
        case .connectionFailed(let reason): "The broker cannot be reached: \(reason)."
        case .refused(let code, let reason): "The broker refuses the connection: \(reason) (reason code \(code))."
        case .subscriptionRefused(let filter, let reason):
            "The broker refuses the subscription to \"\(filter)\": \(reason)."
        case .outboundQueueFull(let limit): "More than \(limit) publications wait for the broker."
        case .stopped: "The MQTT client has been stopped."
        case .invalidPublication(let problem): "A message cannot be published: \(problem)."
        }
    }
}
