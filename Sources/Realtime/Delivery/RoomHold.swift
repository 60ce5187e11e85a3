import DequeModule
import NIOCore

/// Keeps a room's live messages back from one client while its join is under way, so that what the client missed comes
/// first and nothing comes twice.
///
///     holding ── the history was read: release ──▶ replaying, page by page ──▶ finished
///        live messages wait (bounded)               joined, what was missed, what waited and is newer
///
/// A conflatable message takes the place of an earlier one of its key, so that somebody who joins and leaves in a loop
/// fills nobody's hold. A value type without I/O: ``DeliveryControl`` bounds what all holds of a client keep.
struct RoomHold {
    private var waiting = Deque<QueuedMessage>()
    private(set) var byteCount = 0

    var count: Int { waiting.count }

    mutating func append(_ message: QueuedMessage) {
        // The newer one keeps its own place in the order. Presence alone conflates here, and holds are short.
        if case .conflatable = message.delivery,
            let index = waiting.lastIndex(where: { $0.delivery == message.delivery })
        {
            byteCount -= waiting.remove(at: index).frame.readableBytes
        }
        waiting.append(message)
        byteCount += message.frame.readableBytes
    }

    /// Gives up what the history held already: all that has an offset up to `offset`.
    mutating func release(through offset: Int64) {
        waiting.removeAll { $0.offset > 0 && $0.offset <= offset }
        byteCount = waiting.reduce(0) { $0 + $1.frame.readableBytes }
    }

    /// Takes out the first `limit` messages.
    mutating func take(_ limit: Int) -> [QueuedMessage] {
        let taken = Array(waiting.prefix(limit))
        waiting.removeFirst(taken.count)
        for message in taken { byteCount -= message.frame.readableBytes }
        return taken
    }
}
