/// An error of the MQTT client or of its broker connection.
package enum MQTTError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A setting is invalid. The message names it and the allowed values.
    case invalidConfiguration(String)
    /// The broker is unreachable, or the connection broke.
    case connectionFailed(String)
    /// The client's ``MQTTBatchHandler`` rejected a batch. The broker keeps its QoS 1 messages and redelivers them.
    case batchNotTaken(String)
    /// TLS failed: a certificate is not trusted, or there is no common TLS version.
    case tlsFailed(String)
    /// The broker answered CONNECT with a refusal, or closed the connection with a reason code.
    case refused(reasonCode: Int, String)
    /// The broker refused the subscription to a topic filter.
    case subscriptionRefused(filter: String, String)
    /// The number of outstanding publications has reached the limit.
    case outboundQueueFull(limit: Int)
    /// The client has been stopped.
    case stopped
    /// MQTT or the broker does not allow the publication.
    case invalidPublication(String)

    package var description: String {
        switch self {
        case .invalidConfiguration(let problem): problem
        case .connectionFailed(let reason): "The connection to the broker failed: \(reason)."
        case .batchNotTaken(let reason): "Messages could not be processed: \(reason). The broker will redeliver them."
        case .tlsFailed(let reason): "TLS with the broker failed: \(reason)."
        case .refused(let code, let reason): "The broker refused the connection: \(reason) (reason code \(code))."
        case .subscriptionRefused(let filter, let reason):
            "The broker refused the subscription to \"\(filter)\": \(reason)."
        case .outboundQueueFull(let limit): "The outbound queue is full; allowed: at most \(limit) publications."
        case .stopped: "The MQTT client has been stopped."
        case .invalidPublication(let problem): "A message cannot be published: \(problem)."
        }
    }

    /// The reason codes of refusals that persist until the configuration or the broker is changed: credentials, client
    /// id, permissions or version.
    ///
    /// These are 1, 2, 4 and 5 of MQTT 3.1.1 (section 3.2.2.3) and their counterparts in MQTT 5 (section 3.2.2.2).
    private static let permanentReasonCodes: Set<Int> = [1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x9C, 0x9D]

    /// True when a retry cannot succeed until the configuration or the broker is changed.
    package var isPermanent: Bool {
        switch self {
        case .invalidConfiguration, .subscriptionRefused, .invalidPublication, .stopped: true
        case .refused(let code, _): Self.permanentReasonCodes.contains(code)
        case .connectionFailed, .batchNotTaken, .tlsFailed, .outboundQueueFull: false
        }
    }
}
