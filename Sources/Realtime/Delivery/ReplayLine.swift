import DequeModule

/// The clients of a shard whose replays go on, in the order of their turns.
///
/// Pages of rooms come from the database and arrive as tasks of the loop, any number between two turns: so only a few are
/// asked for at a time, and clients that need another one wait. Others, whose snapshots or held messages are at hand, go
/// past them. A value type without I/O.
struct ReplayLine {
    /// Pages that the database is asked for at a time.
    private static let maxStoredPages = 8

    private var ready = Deque<HubClient>()
    /// Clients that found all pages asked for.
    private var waiting = Deque<HubClient>()
    private var storedPageCount = 0

    private var hasFreePage: Bool { storedPageCount < Self.maxStoredPages }

    var count: Int { ready.count + waiting.count }

    /// Adds a client; false when it is in the line already, or gone.
    mutating func append(_ client: HubClient) -> Bool {
        guard let control = client.control, !control.isReplayDue else { return false }
        control.isReplayDue = true
        ready.append(client)
        return true
    }

    /// Takes out the next client that can go on.
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

    /// The database was asked for a page.
    mutating func storedPageBegins() {
        storedPageCount += 1
    }

    /// The page has come; true when somebody waits for it.
    mutating func storedPageEnds() -> Bool {
        storedPageCount -= 1
        return !waiting.isEmpty
    }
}
