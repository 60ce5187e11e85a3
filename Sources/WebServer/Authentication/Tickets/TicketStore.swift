import Synchronization
package import Telemetry

/// One-time tickets: short-lived stand-ins for a token where one would stand in a URL and so in logs.
///
/// In memory only: a restart takes them all back. Safe to use from any thread; nothing in it waits.
package final class TicketStore: Sendable {
    /// How long a ticket can be used.
    package static let lifetime: Duration = .seconds(30)
    /// How many tickets may wait for their use.
    package static let maximumCount = 10_000

    private struct Ticket {
        let identity: Identity
        let endsAt: Timestamp
    }

    private struct State {
        var tickets: [String: Ticket] = [:]
        /// No ticket ends before that, so that a full store looks for ended ones only when there are some.
        var earliestEnd = Timestamp(nanosecondsSinceEpoch: .max)
    }

    private let state = Mutex(State())
    private let limit: Int
    private let clock: any WallClock
    private let ids: any IDGenerator

    /// - Parameters:
    ///   - limit: How many tickets may wait for their use.
    ///   - ids: Makes the tickets; nobody may be able to guess what comes out. 256 random bits each when `nil`.
    package init(
        limit: Int = TicketStore.maximumCount, clock: any WallClock = SystemWallClock(),
        ids: (any IDGenerator)? = nil
    ) {
        self.limit = limit
        self.clock = clock
        self.ids = ids ?? TicketIDGenerator()
    }

    /// A ticket that lets its bearer in once as `identity`, within ``lifetime`` and while the identity lasts.
    ///
    /// - Throws: ``TicketError/overloaded(limit:)`` when too many wait for their use.
    package func issue(for identity: Identity) throws(TicketError) -> String {
        let id = ids.next()
        let now = clock.now()
        let ticket = Ticket(identity: identity, endsAt: now.advanced(by: Self.lifetime))
        return try state.withLock { (state: inout State) throws(TicketError) -> String in
            if state.tickets.count >= limit, now >= state.earliestEnd { Self.removeEnded(from: &state, now: now) }
            guard state.tickets.count < limit else { throw .overloaded(limit: limit) }
            state.tickets[id] = ticket
            state.earliestEnd = min(state.earliestEnd, ticket.endsAt)
            return id
        }
    }

    /// Whose ticket it is; it is used up by that. `nil` when there is no such ticket, it was used, or its or the
    /// identity's time is over.
    package func redeem(_ id: String) -> Identity? {
        guard let ticket = state.withLock({ $0.tickets.removeValue(forKey: id) }) else { return nil }
        let now = clock.now()
        guard now < ticket.endsAt, now < ticket.identity.expiresAt else { return nil }
        return ticket.identity
    }

    private static func removeEnded(from state: inout State, now: Timestamp) {
        state.tickets = state.tickets.filter { now < $0.value.endsAt }
        state.earliestEnd = state.tickets.values.map(\.endsAt).min() ?? Timestamp(nanosecondsSinceEpoch: .max)
    }
}
