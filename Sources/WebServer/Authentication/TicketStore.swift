import Foundation
import Synchronization
package import Telemetry

/// One-time tickets: whoever shows one within half a minute is who asked for it.
///
/// So that no long-lived token stands in a URL, where logs and histories keep it. Thread-safe; bounded.
package final class TicketStore: Sendable {
    /// More are outstanding than the store holds.
    package struct Full: Error, CustomStringConvertible {
        package var description: String { "\(TicketStore.maxOutstanding) tickets are outstanding; try again later." }
    }

    /// How long a ticket may be used.
    package static let lifetime = Duration.seconds(30)
    /// Tickets that were neither used nor have expired.
    package static let maxOutstanding = 10_000

    private struct Entry {
        var identity: Identity
        var expiresAt: Timestamp
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let clock: any WallClock
    private let ids: any IDGenerator

    /// An empty store; `ids` must make what nobody can guess.
    package init(clock: any WallClock = SystemWallClock(), ids: any IDGenerator = RandomIDGenerator()) {
        self.clock = clock
        self.ids = ids
    }

    /// A ticket that stands for `identity` once.
    package func issue(for identity: Identity) throws(Full) -> String {
        let now = clock.now()
        // Two, so that a guess has 240 bits against it.
        let ticket = ids.next() + ids.next()
        let isFull = entries.withLock { entries in
            if entries.count >= Self.maxOutstanding { entries = entries.filter { $0.value.expiresAt > now } }
            guard entries.count < Self.maxOutstanding else { return true }
            entries[ticket] = Entry(identity: identity, expiresAt: now.advanced(by: Self.lifetime))
            return false
        }
        if isFull { throw Full() }
        return ticket
    }

    /// Whose ticket it is; nil for one that is unknown, used or too old. It cannot be used again.
    package func redeem(_ ticket: String) -> Identity? {
        guard let entry = entries.withLock({ $0.removeValue(forKey: ticket) }) else { return nil }
        let now = clock.now()
        return entry.expiresAt > now && entry.identity.expiresAt > now ? entry.identity : nil
    }
}
