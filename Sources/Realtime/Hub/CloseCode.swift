/// Why a connection ends, in terms that tell a client whether to come back.
///
/// 1xxx are RFC 6455 section 7.4.1's; 40xx ask the client to reconnect, 45xx tell it not to.
package enum CloseCode: UInt16, Sendable, CaseIterable {
    case normalClosure = 1000
    case goingAway = 1001
    case protocolError = 1002
    case unacceptableData = 1003
    case invalidPayload = 1007
    case policyViolation = 1008
    case messageTooBig = 1009
    case internalError = 1011
    case serviceRestart = 1012
    case tryAgainLater = 1013

    /// The client reads slower than its rooms speak.
    case slowClient = 4008
    /// No pong came in time.
    case noPong = 4012
    /// More commands than the rate limit allows.
    case rateLimited = 4013

    /// The token is not valid.
    case badToken = 4500
    /// The token's time is over.
    case tokenExpired = 4501
    /// Too many connections.
    case connectionLimit = 4504

    /// A short name for logs and metric labels.
    package var label: String {
        switch self {
        case .normalClosure: "normal"
        case .goingAway: "going_away"
        case .protocolError: "protocol_error"
        case .unacceptableData: "unacceptable_data"
        case .invalidPayload: "invalid_payload"
        case .policyViolation: "policy"
        case .messageTooBig: "too_big"
        case .internalError: "internal_error"
        case .serviceRestart: "restart"
        case .tryAgainLater: "try_again_later"
        case .slowClient: "slow_client"
        case .noPong: "no_pong"
        case .rateLimited: "rate_limited"
        case .badToken: "bad_token"
        case .tokenExpired: "token_expired"
        case .connectionLimit: "connection_limit"
        }
    }
}
