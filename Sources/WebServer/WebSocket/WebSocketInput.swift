package import NIOCore

/// The input of one WebSocket: bytes that are not decoded yet, usually the beginning of a frame, and their decoder.
package struct WebSocketInput {
    private var decoder: WebSocketDecoder
    private var bytes: ByteBuffer?

    /// Creates an input for messages of at most `maxMessageBytes` bytes.
    package init(maxMessageBytes: Int) {
        decoder = WebSocketDecoder(maxMessageBytes: maxMessageBytes)
    }

    /// True when all bytes have been decoded.
    var isEmpty: Bool { bytes == nil }

    package mutating func append(_ more: ByteBuffer) {
        guard bytes != nil else {
            bytes = more
            return
        }
        var more = more
        bytes?.writeBuffer(&more)
    }

    /// Returns the next event, or `nil` when more bytes are needed.
    package mutating func next() throws(WebSocketViolation) -> WebSocketDecoder.Event? {
        guard var bytes else { return nil }
        self.bytes = nil  // leaves the bytes with one owner, so that they are changed in place
        let event = try decoder.next(from: &bytes)
        if bytes.readableBytes > 0 { self.bytes = bytes }
        return event
    }

    /// Frees the memory of decoded bytes.
    package mutating func compact() {
        bytes?.discardReadBytes()
    }

    package mutating func removeAll() {
        bytes = nil
    }
}
