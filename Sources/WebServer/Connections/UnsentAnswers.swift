import NIOCore

/// The answers of an HTTP connection that its socket has not accepted completely, and the time since which it accepts
/// nothing. Use it only on the connection's event loop.
struct UnsentAnswers {
    private var count = 0
    /// The time since which the first answer has waited to be sent.
    private var flushedAt: NIODeadline?
    /// The time since which the channel has not been writable.
    private var unwritableSince: NIODeadline?

    /// True if the socket has accepted all answers.
    var isEmpty: Bool { count == 0 }

    /// The start of the current stall of the socket; `nil` if nothing waits for it.
    var stalledSince: NIODeadline? {
        [flushedAt, unwritableSince].compactMap(\.self).min()
    }

    /// Counts an answer until ``removeFirst(at:)``.
    mutating func add() { count += 1 }

    /// Records that answers were passed to the socket. A blocked socket gets no more time for a further answer.
    mutating func flushBegan(at time: NIODeadline) { flushedAt = flushedAt ?? time }

    /// Records that the socket has accepted an answer to its end. Those behind it get the full time again.
    mutating func removeFirst(at time: NIODeadline) {
        count -= 1
        flushedAt = isEmpty ? nil : time
    }

    /// Records whether the channel accepts more writes.
    mutating func writabilityChanged(to isWritable: Bool, at time: NIODeadline) {
        unwritableSince = isWritable ? nil : unwritableSince ?? time
    }
}
