import NIOCore

/// Messages that a join sends to one client page by page: the next page is asked for when the socket took the one
/// before, so that a client that reads nothing costs one page of memory.
///
/// Belongs to the event loop of the client's shard.
package final class Replay {
    /// A part of a replay. Its maker bounds it: it waits for the client as a whole.
    package struct Page: Sendable {
        /// Messages that a page may have.
        package static let maxCount = 128
        /// Bytes of payloads after which a page should end, unless a client's queue is small: see
        /// ``HubShard/replayPageBytes``.
        package static let maxBytes = 128 << 10

        package var messages: [Message]
        package var isLast: Bool
        /// Devices or messages that were looked at in search of these.
        package var searchedCount: Int

        package init(_ messages: [Message], isLast: Bool, searchedCount: Int = 0) {
            self.messages = messages
            self.isLast = isLast
            self.searchedCount = searchedCount
        }

        /// The page's cost in small messages: each KiB, and each ten that were looked at, count as one more.
        package var cost: Int {
            messages.count + messages.reduce(0) { $0 + $1.payload.count } / 1024 + searchedCount / 10
        }
    }

    /// Asks for the next page. On the shard's loop; the answer comes there too, at once or later, and once. `nil` says
    /// that there is none although there should be: the client is closed and recovers by coming back.
    package typealias NextPage = (_ take: @escaping @Sendable (Page?) -> Void) -> Void

    enum State {
        /// The next page is to be asked for once the socket has taken what was sent.
        case ready
        case fetching
        /// The user has to pay for what was sent with the time until the next page.
        case resting
        /// All pages were sent; what the room held goes next.
        case releasing
    }

    /// The room whose hold ends with the replay; `nil` when live messages are not held.
    let room: String?
    let nextPage: NextPage
    /// Called once, on the loop: when all messages were sent, or the client is gone.
    let completion: @Sendable () -> Void
    var state: State

    /// Pages of rooms come from the database, those of snapshots from memory.
    var isStored: Bool { room != nil }
    var needsStoredPage: Bool { isStored && state == .ready }

    init(room: String?, state: State, completion: @escaping @Sendable () -> Void, nextPage: @escaping NextPage) {
        self.room = room
        self.state = state
        self.completion = completion
        self.nextPage = nextPage
    }
}
