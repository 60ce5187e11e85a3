import DequeModule
import NIOCore

/// Keeps a room's live messages back from one client while its join is under way, so that what the client missed comes
/// first and nothing comes twice.
///
///     holding ── the history was read: release ──▶ replaying ── all went out ──▶ finished
///        live messages wait (bounded)                joined, what was missed, what waited and is newer
///
/// A value type without I/O: the shard asks for what goes next as the client's socket takes it.
struct RoomHold {
    /// Live messages that may wait; one more closes the client, which then recovers.
    static let maxWaiting = 1024
    /// Bytes of these.
    static let maxWaitingBytes = 1 << 20

    private var waiting = Deque<QueuedMessage>()
    private var waitingBytes = 0
    private var replay = Deque<QueuedMessage>()
    private(set) var isReleased = false

    /// Takes a live message; false when no more fit.
    mutating func append(_ message: QueuedMessage) -> Bool {
        waiting.append(message)
        waitingBytes += message.frame.readableBytes
        return waiting.count <= Self.maxWaiting && waitingBytes <= Self.maxWaitingBytes
    }

    /// Lets out `messages` first, then what waited and has an offset above `offset` or none.
    mutating func release(_ messages: [QueuedMessage], through offset: Int64) {
        isReleased = true
        replay.append(contentsOf: messages)
        waiting.removeAll { $0.offset > 0 && $0.offset <= offset }
    }

    /// What goes out next; `nil` when all has gone out.
    mutating func next() -> QueuedMessage? {
        guard isReleased else { return nil }
        if let message = replay.popFirst() { return message }
        guard let message = waiting.popFirst() else { return nil }
        waitingBytes -= message.frame.readableBytes
        return message
    }
}
