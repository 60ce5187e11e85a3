import DequeModule
import NIOCore

/// The state of one client's joins in progress (live messages held back, and replays) and of its rate limits.
///
/// Few clients have one at any time, so the hot path only checks one reference for `nil`.
final class ClientFlowControl {
    /// The decision about a live message for the client.
    enum HoldDecision {
        case deliver
        /// The message is held until the join of its room has finished.
        case wait
        /// Too many messages are held. The client must be closed.
        case overflow
    }

    /// The maximum number of live messages held for a client's joins. One more closes the client, which recovers by
    /// reconnecting.
    static let maxHeld = 1024
    /// The maximum bytes of the frames of all live messages held for a client's joins.
    static let maxHeldBytes = 1 << 20

    /// The held live messages by room, for joins whose history is being read or replayed.
    private(set) var holds: [String: RoomHold] = [:]
    private var heldCount = 0
    private var heldBytes = 0
    /// Replays in the order of their joins. The first one is being sent.
    var replays = Deque<Replay>()
    /// True while the client is in the shard's ``ReplayScheduler``.
    var isReplayDue = false
    /// The client's rate limits; `nil` if it has none.
    var pacer: RatePacer?

    var isIdle: Bool { holds.isEmpty && replays.isEmpty && pacer == nil }
    var hasReplay: Bool { !replays.isEmpty }

    /// Holds a live message if a join of its room is in progress.
    func hold(_ message: QueuedMessage) -> HoldDecision {
        guard !holds.isEmpty, holds[message.room] != nil else { return .deliver }
        guard !holdsTooMuch else { return .overflow }
        change(message.room) { $0.append(message) }
        return holdsTooMuch ? .overflow : .wait
    }

    private var holdsTooMuch: Bool { heldCount > Self.maxHeld || heldBytes > Self.maxHeldBytes }

    /// Starts holding the room's live messages. Discards messages held for an earlier join.
    func beginHold(of room: String) {
        cancelHold(of: room)
        holds[room] = RoomHold()
    }

    /// Ends the hold and discards its messages.
    func cancelHold(of room: String) {
        guard let hold = holds.removeValue(forKey: room) else { return }
        heldCount -= hold.count
        heldBytes -= hold.byteCount
    }

    /// Discards held messages of the room with an offset up to `offset`.
    func discardHeld(of room: String, through offset: Int64) {
        change(room) { $0.discard(through: offset) }
    }

    /// Removes and returns up to `limit` messages held for a room.
    func takeHeld(of room: String, limit: Int) -> [QueuedMessage] {
        change(room) { $0.take(limit) } ?? []
    }

    @discardableResult
    private func change<Result>(_ room: String, _ body: (inout RoomHold) -> Result) -> Result? {
        guard var hold = holds.removeValue(forKey: room) else { return nil }
        let (count, bytes) = (hold.count, hold.byteCount)
        let result = body(&hold)
        heldCount -= count - hold.count
        heldBytes -= bytes - hold.byteCount
        holds[room] = hold
        return result
    }
}

/// A buffer of a room's live messages for one client whose join is in progress, so that missed messages come first and
/// none comes twice.
///
///     holding ─────── the history was read ──────▶ replaying, page by page ─────────────▶ finished
///     (live messages are held, up to a limit)      (answer, missed messages, newer held ones)
///
/// A conflatable message replaces an earlier one with the same key, so that a user who joins and leaves in a loop
/// cannot fill the holds of others. A value type without I/O. ``ClientFlowControl`` limits the total of a client's
/// holds.
struct RoomHold {
    private var waiting = Deque<QueuedMessage>()
    private(set) var byteCount = 0

    var count: Int { waiting.count }

    mutating func append(_ message: QueuedMessage) {
        // The newer message takes its own place in the order. Only presence conflates here, and holds are short.
        if case .conflatable = message.delivery,
            let index = waiting.lastIndex(where: { $0.delivery == message.delivery })
        {
            byteCount -= waiting.remove(at: index).frame.readableBytes
        }
        waiting.append(message)
        byteCount += message.frame.readableBytes
    }

    /// Discards messages that are also in the history: those with an offset up to `offset`.
    mutating func discard(through offset: Int64) {
        waiting.removeAll { $0.offset > 0 && $0.offset <= offset }
        byteCount = waiting.reduce(0) { $0 + $1.frame.readableBytes }
    }

    /// Removes and returns the first `limit` messages.
    mutating func take(_ limit: Int) -> [QueuedMessage] {
        let taken = Array(waiting.prefix(limit))
        waiting.removeFirst(taken.count)
        for message in taken { byteCount -= message.frame.readableBytes }
        return taken
    }
}
