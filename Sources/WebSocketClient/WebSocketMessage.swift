package import NIOCore

/// A complete message from the server.
package enum WebSocketMessage: Hashable, Sendable {
    case text(String)
    case binary(ByteBuffer)

    /// The text of a text message.
    package var text: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    var byteCount: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .binary(let buffer): buffer.readableBytes
        }
    }
}

/// How the server ended a connection.
package struct WebSocketClosure: Hashable, Sendable {
    /// The code of the server's Close frame; 1005 when the frame had none, 1006 when there was no frame
    /// (RFC 6455 section 7.1.5).
    package let code: UInt16
    package let reason: String
}
