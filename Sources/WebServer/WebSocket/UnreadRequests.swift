import NIOCore

/// The requests that arrived since the client's socket stopped accepting bytes, that is, while the client does not read
/// its answers.
struct UnreadRequests {
    private var count = 0
    /// The payload of the latest ping that is unanswered (RFC 6455 section 5.5.3).
    private var ping: ByteBuffer?

    /// Returns true if the client may be read.
    func hasRoom(within limits: ConnectionLimits) -> Bool {
        count < limits.maxUnreadRequests
    }

    /// Counts a message or control frame.
    mutating func add() {
        count += 1
    }

    /// Stores the payload of a ping to answer later, in place of an earlier one.
    mutating func store(ping payload: ByteBuffer) {
        // A copy, because the payload is a slice of a whole read buffer.
        ping = ByteBuffer(bytes: payload.readableBytesView)
    }

    /// Forgets the requests, because the socket accepts bytes again. Returns the payload of the ping to answer, if any.
    mutating func clear() -> ByteBuffer? {
        defer { self = UnreadRequests() }
        return ping
    }
}
