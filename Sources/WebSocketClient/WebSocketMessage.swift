package import NIOCore

/// A complete message from the server.
package enum WebSocketMessage: Hashable, Sendable {
    case text(String)
    case binary(ByteBuffer)

    /// The text of a text message; `nil` for a binary one.
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

/// The code and the reason with which a connection ended.
package struct WebSocketClosure: Hashable, Sendable {
    /// The code of the server's Close frame: 1005 when the frame had no code, 1006 when there was no frame (RFC 6455
    /// section 7.1.5).
    package let code: UInt16
    package let reason: String
}

/// The messages of a connection, in order of arrival.
///
/// The sequence is bounded: reading from the socket stops while the consumer is slow. Iteration may stop and start
/// again; each message goes to one iterator.
package struct WebSocketMessages: AsyncSequence, Sendable {
    let queue: MessageQueue

    package struct AsyncIterator: AsyncIteratorProtocol {
        let queue: MessageQueue

        package func next() async throws -> WebSocketMessage? { try await queue.next() }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: queue) }
}
