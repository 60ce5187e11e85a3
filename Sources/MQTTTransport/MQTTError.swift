/// What can go wrong between the gateway and a broker.
package enum MQTTError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A setting that cannot be used; says which and what is allowed.
    case invalidConfiguration(String)
    /// The broker could not be reached or the connection broke.
    case connectionFailed(String)
    /// Messages could not be taken, and were left to the broker: the fault is on this side.
    case batchNotTaken(String)
    /// There is no trust between us and the broker, or no common TLS.
    case tlsFailed(String)
    /// The broker answered CONNECT with a refusal, or ended the connection with a reason.
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
        case .batchNotTaken(let reason): "Messages could not be taken: \(reason). The broker keeps them."
        case .tlsFailed(let reason): "TLS with the broker fails: \(reason)."
        case .refused(let code, let reason): "The broker refuses the connection: \(reason) (reason code \(code))."
        case .subscriptionRefused(let filter, let reason):
            "The broker refuses the subscription to \"\(filter)\": \(reason)."
        case .outboundQueueFull(let limit): "More than \(limit) publications wait for the broker."
        case .stopped: "The MQTT client has been stopped."
        case .invalidPublication(let problem): "A message cannot be published: \(problem)."
        }
    }

    /// Refusals that stay until somebody changes something: credentials, the client id, rights, the version.
    ///
    /// MQTT 3.1.1's 1, 2, 4 and 5 (section 3.2.2.3), and MQTT 5's counterparts (section 3.2.2.2).
    private static let permanentReasonCodes: Set<Int> = [1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x9C, 0x9D]

    /// Whether trying again is of no use until somebody changes something.
    package var isPermanent: Bool {
        switch self {
        case .invalidConfiguration, .subscriptionRefused, .invalidPublication, .stopped: true
        case .refused(let code, _): Self.permanentReasonCodes.contains(code)
        case .connectionFailed, .batchNotTaken, .tlsFailed, .outboundQueueFull: false
        }
    }
}
