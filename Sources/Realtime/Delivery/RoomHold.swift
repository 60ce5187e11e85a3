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
    /// Where the message of each key waits, counted from the first one that was ever held.
    private var places: [ConflationKey: Int] = [:]
    private var takenCount = 0
    private(set) var byteCount = 0

    var count: Int { waiting.count }

    mutating func append(_ message: QueuedMessage) {
        byteCount += message.frame.readableBytes
        if case .conflatable(let key) = message.delivery {
            if let place = places[key] {
                byteCount -= waiting[place - takenCount].frame.readableBytes
                waiting[place - takenCount] = message
                return
            }
            places[key] = takenCount + waiting.count
        }
        waiting.append(message)
    }

    /// Gives up what the history held already: all that has an offset up to `offset`.
    mutating func release(through offset: Int64) {
        waiting.removeAll { $0.offset > 0 && $0.offset <= offset }
        byteCount = waiting.reduce(0) { $0 + $1.frame.readableBytes }
        places = [:]
        for (index, message) in waiting.enumerated() {
            if case .conflatable(let key) = message.delivery { places[key] = takenCount + index }
        }
    }

    /// Takes out the first `limit` messages.
    mutating func take(_ limit: Int) -> [QueuedMessage] {
        let taken = Array(waiting.prefix(limit))
        waiting.removeFirst(taken.count)
        takenCount += taken.count
        for message in taken {
            byteCount -= message.frame.readableBytes
            if case .conflatable(let key) = message.delivery { places[key] = nil }
        }
        return taken
    }
}
