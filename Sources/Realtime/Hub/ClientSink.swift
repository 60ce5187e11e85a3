package import NIOCore

/// A client's socket, as seen by the hub.
///
/// All methods are called on the event loop of the client's shard.
package protocol ClientSink: AnyObject {
    /// Writes one or more whole frames. Nothing is sent before ``flush()``.
    func write(_ frames: ByteBuffer)
    /// Sends the frames that were written.
    func flush()
    /// True while the peer keeps up. Turns false once the bytes in the buffer exceed the socket's high-water mark.
    var isWritable: Bool { get }
    /// Closes the connection with a code and a reason for the peer. Later writes are ignored.
    func close(code: CloseCode, reason: String)
    /// Counts a page of replayed messages towards the replay rate limit of the client's user. Returns the time to wait
    /// before the next page may be read.
    ///
    /// - Parameter cost: The page's ``Replay/Page/cost``, in units of one small message.
    func chargeReplay(_ cost: Int) -> TimeAmount
    /// The time between the latest ping and its pong; `nil` before the first pong.
    var roundTripTime: TimeAmount? { get }
    /// Sends a ping if one is due, and closes the connection if its token is no longer valid, no pong has arrived in
    /// time, or the socket has accepted no data for too long. Called every ``HubConfiguration/sweepInterval``.
    func sweep(at now: NIODeadline)
}

/// The WebSocket close codes. The code tells the client whether to reconnect.
///
/// 1xxx codes are defined in RFC 6455, section 7.4.1. After a 40xx code the client should reconnect, after a 45xx code
/// it should not. A handshake with an invalid token is refused with 401 instead.
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

    /// The client reads more slowly than its rooms send.
    case slowClient = 4008
    /// No pong arrived before the deadline.
    case noPong = 4012
    /// The client sent more commands than the rate limit allows.
    case rateLimited = 4013

    /// The token was revoked while the connection was open.
    case badToken = 4500
    /// The token has expired.
    case tokenExpired = 4501
    /// The user has too many connections.
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
