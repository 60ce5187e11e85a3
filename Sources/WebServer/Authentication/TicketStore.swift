package import Core

/// A store of one-time tickets. A ticket is a short-lived replacement for a token in URLs, which end up in logs.
///
/// Tickets are kept in memory only, so a restart revokes them all. Thread-safe; never blocks on I/O.
package final class TicketStore: Sendable {
    /// The lifetime of a ticket.
    package static let lifetime: Duration = .seconds(30)
    /// The default limit of unused tickets.
    package static let maximumCount = 10_000
    /// The default limit of unused tickets per user.
    package static let maximumCountPerUser = 32

    private struct Ticket {
        let identity: Identity
        let endsAt: Timestamp
        /// The ids of the neighbours in the linked list.
        var previous: String?
        var next: String?
    }

    /// Tickets in a doubly linked list, ordered by issue and therefore by expiry. Removing any ticket or the oldest
    /// takes constant time.
    private struct State {
        private var tickets: [String: Ticket] = [:]
        private var counts: [UserID: Int] = [:]
        private var first: String?
        private var last: String?

        var count: Int { tickets.count }

        func count(of user: UserID) -> Int { counts[user] ?? 0 }

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

        /// Removes expired tickets, the oldest first.
        mutating func removeEnded(at now: Timestamp) {
            while let id = first, let ticket = tickets[id], now >= ticket.endsAt { remove(id) }
        }
    }

    private let state = Lock(State())
    private let limit: Int
    private let limitPerUser: Int
    private let clock: any WallClock
    private let ids: any IDGenerator

    /// Creates an empty store.
    ///
    /// - Parameters:
    ///   - limit: The largest number of unused tickets.
    ///   - limitPerUser: The largest number of unused tickets per user.
    ///   - ids: The generator of tickets, which must be unguessable. With `nil`, each ticket has 256 random bits.
    package init(
        limit: Int = TicketStore.maximumCount, limitPerUser: Int = TicketStore.maximumCountPerUser,
        clock: any WallClock = SystemWallClock(), ids: (any IDGenerator)? = nil
    ) {
        self.limit = limit
        self.limitPerUser = limitPerUser
        self.clock = clock
        self.ids = ids ?? TicketIDGenerator()
    }

    /// Issues a ticket that authenticates its bearer once as `identity`, within ``lifetime`` and until the identity
    /// expires.
    ///
    /// - Throws: ``AuthenticationError/tooManyTickets(limit:)`` or ``AuthenticationError/overloaded(limit:)`` when the
    ///   user's limit or the total limit of unused tickets is reached.
    package func issue(for identity: Identity) throws(AuthenticationError) -> String {
        let id = ids.next()
        let now = clock.now()
        let ticket = Ticket(identity: identity, endsAt: now.advanced(by: Self.lifetime))
        return try state.withLock { (state: inout State) throws(AuthenticationError) -> String in
            state.removeEnded(at: now)
            guard state.count(of: identity.user) < limitPerUser else { throw .tooManyTickets(limit: limitPerUser) }
            guard state.count < limit else { throw .overloaded(limit: limit) }
            state.add(id, ticket)
            return id
        }
    }

    /// Redeems a ticket and returns its identity; the ticket is used up. Returns `nil` when the ticket is unknown, used
    /// or expired, or when the identity has expired.
    package func redeem(_ id: String) -> Identity? {
        guard let ticket = state.withLock({ $0.remove(id) }) else { return nil }
        let now = clock.now()
        guard now < ticket.endsAt, now < ticket.identity.expiresAt else { return nil }
        return ticket.identity
    }
}

/// A generator of tickets: 256 random bits from the system's generator, as 43 characters of base64url.
struct TicketIDGenerator: IDGenerator {
    private static let byteCount = 32

    init() {}

    func next() -> String {
        var random = SystemRandomNumberGenerator()
        return Base64URL.encode((0..<Self.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }
}
