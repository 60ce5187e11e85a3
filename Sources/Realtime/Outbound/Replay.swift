import DequeModule
import NIOCore

/// Missed messages or a snapshot that a join sends to one client, page by page. Each page is requested once the socket
/// has taken the previous one, so a client that reads nothing costs one page of memory.
///
/// Belongs to the event loop of the client's shard.
package final class Replay {
    /// One page of a replay. The whole page is kept in memory until the client reads it, so its creator must limit its
    /// size.
    package struct Page: Sendable {
        /// The maximum number of messages in a page.
        package static let maxCount = 128
        /// Bytes of payloads after which a page should end. Clients with a small queue have a lower limit; see
        /// ``HubShard/replayPageBytes``.
        package static let maxBytes = 128 << 10

        package var messages: [Message]
        package var isLast: Bool
        /// The number of devices or messages examined to find these messages.
        package var examinedCount: Int

        package init(_ messages: [Message], isLast: Bool, examinedCount: Int = 0) {
            self.messages = messages
            self.isLast = isLast
            self.examinedCount = examinedCount
        }

        /// The cost of the page, in units of one small message. Each KiB of payload, and every ten items examined, add
        /// one.
        package var cost: Int {
            messages.count + messages.reduce(0) { $0 + $1.payload.count } / 1024 + examinedCount / 10
        }
    }

    /// A function that fetches the next page. It is called on the shard's loop and must call `take` exactly once on
    /// that loop, immediately or later.
    ///
    /// It passes `nil` to `take` if the page could not be read. The client is then closed and recovers by reconnecting.
    package typealias NextPage = (_ take: @escaping @Sendable (Page?) -> Void) -> Void

    enum State {
        /// The next page can be requested once the socket has taken everything sent before.
        case ready
        case fetching
        /// The user's rate limit delays the next page.
        case throttled
        /// All pages were sent. The held messages follow.
        case releasing
    }

    /// The room whose live messages are held until the replay ends; `nil` if none are held.
    let room: String?
    let nextPage: NextPage
    /// Called once, on the loop, when all messages were sent or the client is gone.
    let completion: @Sendable () -> Void
    var state: State

    /// True when pages come from the database, as they do for rooms. Snapshots come from memory.
    var isStored: Bool { room != nil }
    var needsStoredPage: Bool { isStored && state == .ready }

    init(room: String?, state: State, completion: @escaping @Sendable () -> Void, nextPage: @escaping NextPage) {
        self.room = room
        self.state = state
        self.completion = completion
        self.nextPage = nextPage
    }
}

/// A queue of the shard's clients whose replays can continue.
///
/// Pages of room histories are read from the database and arrive as tasks of the loop. To keep the loop responsive, at
/// most ``maxStoredPages`` are requested at a time; further clients that need one wait. Clients whose snapshots or held
/// messages are in memory overtake them. A value type without I/O.
struct ReplayScheduler {
    /// The maximum number of pages requested from the database at a time.
    private static let maxStoredPages = 8

    private var ready = Deque<HubClient>()
    /// Clients that wait until another page may be requested from the database.
    private var waiting = Deque<HubClient>()
    private var storedPageCount = 0

    private var hasFreePage: Bool { storedPageCount < Self.maxStoredPages }

    var count: Int { ready.count + waiting.count }

    /// Adds a client. Returns false if it is already queued or has no ``ClientFlowControl``.
    mutating func append(_ client: HubClient) -> Bool {
        guard let control = client.control, !control.isReplayDue else { return false }
        control.isReplayDue = true
        ready.append(client)
        return true
    }

    /// Removes and returns the next client that can continue.
    mutating func popFirst() -> HubClient? {
        while let client = (hasFreePage ? waiting.popFirst() : nil) ?? ready.popFirst() {
            if !hasFreePage, client.control?.replays.first?.needsStoredPage == true {
                waiting.append(client)
                continue
            }
            client.control?.isReplayDue = false
            return client
        }
        return nil
    }

    /// Counts a page requested from the database.
    mutating func storedPageBegins() {
        storedPageCount += 1
    }

    /// Counts the page as received. Returns true if another client waits to request a page.
    mutating func storedPageEnds() -> Bool {
        storedPageCount -= 1
        return !waiting.isEmpty
    }
}
