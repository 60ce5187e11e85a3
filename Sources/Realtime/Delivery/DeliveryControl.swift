import DequeModule
import NIOCore

/// Per-client join holds, replays and rate limits.
///
/// Few clients have one at a time, so that the hot path asks a single reference whether it is there.
final class DeliveryControl {
    /// What becomes of a message that a room has for the client.
    enum Verdict {
        case deliver
        /// It waits, for a join to be finished or for its time.
        case wait
        /// Too much waits: the client must be closed.
        case overflow
    }

    /// Live messages that may wait for a client's joins; one more closes the client, which then recovers.
    static let maxHeld = 1024
    /// Bytes of these.
    static let maxHeldBytes = 1 << 20

    /// By room: joins whose history is being read or replayed.
    private(set) var holds: [String: RoomHold] = [:]
    private var heldCount = 0
    private var heldBytes = 0
    /// Replays in the order of their joins; the first one is being sent.
    var replays = Deque<Replay>()
    /// The client stands in the shard's ``ReplayLine``.
    var isReplayDue = false
    /// Made with the first rate limit, given up with the last.
    var pacer: RatePacer?

    var isIdle: Bool { holds.isEmpty && replays.isEmpty && pacer == nil }
    var hasReplay: Bool { !replays.isEmpty }

    /// Takes a live message into the hold of its room, if there is one.
    func hold(_ message: QueuedMessage) -> Verdict {
        guard !holds.isEmpty, holds[message.room] != nil else { return .deliver }
        guard !holdsTooMuch else { return .overflow }
        change(message.room) { $0.append(message) }
        return holdsTooMuch ? .overflow : .wait
    }

    private var holdsTooMuch: Bool { heldCount > Self.maxHeld || heldBytes > Self.maxHeldBytes }

    /// Begins to keep the room's live messages back; what it held for an earlier join is given up.
    func beginHold(of room: String) {
        giveUpHold(of: room)
        holds[room] = RoomHold()
    }

    /// Gives up the hold with all that waits there.
    func giveUpHold(of room: String) {
        guard let hold = holds.removeValue(forKey: room) else { return }
        heldCount -= hold.count
        heldBytes -= hold.byteCount
    }

    /// Gives up what waits in the room and has an offset up to `offset`.
    func release(_ room: String, through offset: Int64) {
        change(room) { $0.release(through: offset) }
    }

    /// Takes out up to `limit` of the messages that wait in a room.
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
