/// Why a connection could not be made, or ended otherwise than by a Close frame.
package enum WebSocketClientError: Error, Equatable, CustomStringConvertible {
    /// The URL cannot be used; the text says why and what is needed.
    case invalidURL(String)
    /// Nobody answered at the address, or not as TCP wants it; the text names address and cause.
    case connectionFailed(String)
    /// The server answered the upgrade with something else than 101. `body` is cut at
    /// ``WebSocketClientConfiguration/maxRefusalBodyBytes``.
    case refused(status: Int, body: String)
    /// The server's answer to the upgrade breaks RFC 6455 section 4.1.
    case handshakeFailed(String)
    /// Connecting or the handshake took longer than ``WebSocketClientConfiguration/handshakeTimeout``.
    case handshakeTimedOut
    /// The server broke the protocol after the handshake; the connection was closed with `code`.
    case protocolViolation(code: UInt16, reason: String)
    /// The connection ended without a Close frame (RFC 6455 calls that 1006).
    case connectionLost(String)
    /// The connection is closed already.
    case closed

    package var description: String {
        switch self {
        case .invalidURL(let reason): reason
        case .connectionFailed(let reason): "cannot connect: \(reason)"
        case .refused(let status, let body):
            body.isEmpty ? "the server answered \(status)" : "the server answered \(status): \(body)"
        case .handshakeFailed(let reason): "the handshake failed: \(reason)"
        case .handshakeTimedOut: "the server did not answer the handshake in time"
        case .protocolViolation(let code, let reason): "the server broke the protocol (\(code)): \(reason)"
        case .connectionLost(let reason): "the connection was lost: \(reason)"
        case .closed: "the connection is closed"
        }
    }
}
