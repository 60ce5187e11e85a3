package import Realtime

/// What a peer did that ends its connection (RFC 6455 section 7.1.7).
package struct WebSocketViolation: Error, Equatable {
    /// The code to close with: 1002, 1007, 1008 or 1009.
    package let code: CloseCode
    /// What was wrong, for the close frame and the log.
    package let reason: String

    static func protocolError(_ reason: String) -> WebSocketViolation {
        WebSocketViolation(code: .protocolError, reason: reason)
    }

    static func invalidText() -> WebSocketViolation {
        WebSocketViolation(code: .invalidPayload, reason: "a text message is not UTF-8")
    }

    static func tooManyFrames(of byteCount: Int) -> WebSocketViolation {
        WebSocketViolation(
            code: .policyViolation, reason: "a message comes in too many frames of less than \(byteCount) bytes")
    }

    static func tooBig(limit: Int) -> WebSocketViolation {
        WebSocketViolation(code: .messageTooBig, reason: "a message has more than \(limit) bytes")
    }
}
