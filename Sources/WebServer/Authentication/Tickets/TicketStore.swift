import Core
package import Telemetry

/// One-time tickets: short-lived stand-ins for a token where one would stand in a URL and so in logs.
///
/// In memory only: a restart takes them all back. Safe to use from any thread; nothing in it waits.
package final class TicketStore: Sendable {
    /// How long a ticket can be used.
    package static let lifetime: Duration = .seconds(30)
    /// How many tickets may wait for their use.
    package static let maximumCount = 10_000
    /// The limit of those of one user.
    package static let maximumCountPerUser = 32

    private struct Ticket {
        let identity: Identity
        let endsAt: Timestamp
        /// The tickets that were issued before and after it.
        var previous: String?
        var next: String?
    }

    /// Tickets as a linked list in the order of their issue, which is that of their ends: taking one out and dropping
    /// the oldest cost the same however many there are.
    private struct State {
        private var tickets: [String: Ticket] = [:]
        private var counts: [String: Int] = [:]
        private var first: String?
        private var last: String?

        var count: Int { tickets.count }

        func count(of user: String) -> Int { counts[user] ?? 0 }

        mutating func add(_ id: String, _ ticket: Ticket) {
            remove(id)
            var ticket = ticket
            ticket.previous = last
            if let last { tickets[last]?.next = id } else { first = id }
            last = id
            tickets[id] = ticket
            counts[ticket.identity.user, default: 0] += 1
        }

        @discardableResult
        mutating func remove(_ id: String) -> Ticket? {
            guard let ticket = tickets.removeValue(forKey: id) else { return nil }
            if let previous = ticket.previous { tickets[previous]?.next = ticket.next } else { first = ticket.next }
            if let next = ticket.next { tickets[next]?.previous = ticket.previous } else { last = ticket.previous }
            let left = count(of: ticket.identity.user) - 1
            counts[ticket.identity.user] = left > 0 ? left : nil
            return ticket
        }

        /// Drops those that are over. Each is dropped once, whoever asks.
        mutating func removeEnded(at now: Timestamp) {
            while let id = first, let ticket = tickets[id], now >= ticket.endsAt { remove(id) }
        }
    }

    private let state = Lock(State())
    private let limit: Int
    private let limitPerUser: Int
    private let clock: any WallClock
    private let ids: any IDGenerator

    /// - Parameters:
    ///   - limit: How many tickets may wait for their use.
    ///   - limitPerUser: How many of one user may.
    ///   - ids: Makes the tickets; nobody may be able to guess what comes out. 256 random bits each when `nil`.
    package init(
        limit: Int = TicketStore.maximumCount, limitPerUser: Int = TicketStore.maximumCountPerUser,
        clock: any WallClock = SystemWallClock(), ids: (any IDGenerator)? = nil
    ) {
        self.limit = limit
        self.limitPerUser = limitPerUser
        self.clock = clock
        self.ids = ids ?? TicketIDGenerator()
    }

    /// A ticket that lets its bearer in once as `identity`, within ``lifetime`` and while the identity lasts.
    ///
    /// - Throws: ``TicketError`` when too many wait for their use, of the user's or in all.
    package func issue(for identity: Identity) throws(TicketError) -> String {
        let id = ids.next()
        let now = clock.now()
        let ticket = Ticket(identity: identity, endsAt: now.advanced(by: Self.lifetime))
        return try state.withLock { (state: inout State) throws(TicketError) -> String in
            state.removeEnded(at: now)
            guard state.count(of: identity.user) < limitPerUser else { throw .tooMany(limit: limitPerUser) }
            guard state.count < limit else { throw .overloaded(limit: limit) }
            state.add(id, ticket)
            return id
        }
    }

    /// Whose ticket it is; it is used up by that. `nil` when there is no such ticket, it was used, or its or the
    /// identity's time is over.
    package func redeem(_ id: String) -> Identity? {
        guard let ticket = state.withLock({ $0.remove(id) }) else { return nil }
        let now = clock.now()
        guard now < ticket.endsAt, now < ticket.identity.expiresAt else { return nil }
        return ticket.identity
    }
}
