import Core
import DequeModule
package import NIOCore
import Synchronization
package import Telemetry

/// Who is connected and who is in which room, over all shards: one registry for the hub.
///
/// Users and clients are counted apart: one user with three tabs is one user and three clients. Whose last client was
/// cut off stays a member for a grace period, so that a reconnect is neither a leave nor a join. Thread-safe; called
/// when clients come, go, join and leave, never per message.
package final class PresenceRegistry: Sendable {
    /// How many are in a room.
    package struct Members: Sendable, Equatable {
        package var users: Int
        package var clients: Int

        package init(users: Int = 0, clients: Int = 0) {
            self.users = users
            self.clients = clients
        }
    }

    private struct Membership: Hashable {
        var user: String
        var filter: TopicFilter
    }

    /// Those who joined by one filter.
    struct Joined {
        /// Clients by user; none within the grace period.
        var users: [String: UserClients] = [:]
        /// Clients of all of them.
        var clientCount = 0

        var members: Members { Members(users: users.count, clients: clientCount) }
    }

    private struct State {
        var clientsByUser: [String: Int] = [:]
        /// By the filter that was joined; a name is a filter of itself.
        var joined: [TopicFilter: Joined] = [:]
        /// Grows with every change of the two.
        var version: UInt64 = 0
        /// Users whose last client was cut off, in the order in which their grace periods end.
        var absences = Deque<(membership: Membership, deadline: NIODeadline)>()
        /// The deadline that counts for each of them: who was back and went again has a later one.
        var deadlines: [Membership: NIODeadline] = [:]
        var changes: [PresenceChange] = []
        var observer: (@Sendable () -> Void)?
    }

    private let state = Lock(State())
    private let clients = Atomic<Int>(0)
    private let grace: TimeAmount
    private let protectedFirstLevels: [String]
    private let latest = Lock<PresenceSnapshot?>(nil)

    /// A registry that waits `grace` before a user who was cut off has left.
    ///
    /// - Parameter protectedFirstLevels: First levels of rooms that no leading wildcard reaches.
    package init(grace: TimeAmount = .seconds(5), protecting protectedFirstLevels: [String] = []) {
        self.grace = grace
        self.protectedFirstLevels = protectedFirstLevels
    }

    /// Clients that are connected now. Takes no lock: publishers ask for every batch.
    package var clientCount: Int { clients.load(ordering: .relaxed) }

    /// Users with at least one client.
    package var userCount: Int { state.withLock { $0.clientsByUser.count } }

    /// Everything as of now, for questions about many rooms or users: looked through without the registry's lock.
    ///
    /// Made anew only when something has changed; a large one not more often than lets a twentieth of the time go into
    /// it, so that it may be a little old.
    package func snapshot(now: NIODeadline = .now()) -> PresenceSnapshot {
        latest.withLock { latest in
            // Copies of dictionaries that are shared until the next change: nothing is scanned here.
            let (version, users, joined) = state.withLock { ($0.version, $0.clientsByUser, $0.joined) }
            if let latest, latest.version == version || latest.isStillGood(at: now) { return latest }
            let snapshot = PresenceSnapshot(
                version: version, users: users, joined: joined, protecting: protectedFirstLevels, at: now)
            latest = snapshot
            return snapshot
        }
    }

    /// How many are in the room or under the filter: those who joined by exactly this filter.
    package func members(under filter: TopicFilter) -> Members {
        state.withLock { $0.joined[filter]?.members ?? Members() }
    }

    // MARK: Changes

    /// Calls `observer` after each change of a room's users, on the thread that made it; one at most.
    ///
    /// It then takes the changes out with ``takeChanges()``. Changes are kept only while somebody observes.
    package func observe(_ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observer = observer }
    }

    /// Takes out what changed, in order.
    package func takeChanges() -> [PresenceChange] {
        state.withLock { state in
            defer { state.changes = [] }
            return state.changes
        }
    }

    /// Lets users go whose grace period is over. Call it about once a second.
    package func expire(at now: NIODeadline) {
        change { state in
            while let absence = state.absences.first, absence.deadline <= now {
                state.absences.removeFirst()
                let (user, filter) = (absence.membership.user, absence.membership.filter)
                guard state.deadlines[absence.membership] == absence.deadline else { continue }
                state.deadlines[absence.membership] = nil
                if state.joined[filter]?.users[user]?.count == 0 { Self.drop(user, from: filter, in: &state) }
            }
        }
    }

    func connected(user: String) {
        clients.add(1, ordering: .relaxed)
        change { $0.clientsByUser[user, default: 0] += 1 }
    }

    /// Takes a client out that is gone: its user stays a member for the grace period.
    func disconnected(_ client: ObjectIdentifier, of user: String, joined filters: [TopicFilter], at now: NIODeadline) {
        clients.subtract(1, ordering: .relaxed)
        change { state in
            if let count = state.clientsByUser[user] { state.clientsByUser[user] = count > 1 ? count - 1 : nil }
            for filter in filters {
                guard state.joined[filter]?.users[user]?.remove(client) == true else { continue }
                state.joined[filter]?.clientCount -= 1
                guard state.joined[filter]?.users[user]?.count == 0 else { continue }
                if grace > .zero {
                    let membership = Membership(user: user, filter: filter)
                    state.absences.append((membership, now + grace))
                    state.deadlines[membership] = now + grace
                } else {
                    Self.drop(user, from: filter, in: &state)
                }
            }
        }
    }

    /// Adds a client that did not join by this filter before.
    func joined(_ client: ObjectIdentifier, of user: String, filter: TopicFilter) {
        change { state in
            let isNew = state.joined[filter]?.users[user] == nil
            state.joined[filter, default: Joined()].users[user, default: UserClients()].insert(client)
            state.joined[filter]?.clientCount += 1
            if isNew { Self.note(.join, user, filter, in: &state) }
        }
    }

    /// Takes a client out that left on purpose: with the last one its user is gone at once.
    func left(_ client: ObjectIdentifier, of user: String, filter: TopicFilter) {
        change { state in
            guard state.joined[filter]?.users[user]?.remove(client) == true else { return }
            state.joined[filter]?.clientCount -= 1
            if state.joined[filter]?.users[user]?.count == 0 { Self.drop(user, from: filter, in: &state) }
        }
    }

    private func change(_ body: (inout sending State) -> Void) {
        let observer: (@Sendable () -> Void)? = state.withLock { state in
            body(&state)
            state.version += 1
            return state.changes.isEmpty ? nil : state.observer
        }
        observer?()
    }

    private static func drop(_ user: String, from filter: TopicFilter, in state: inout State) {
        state.joined[filter]?.users[user] = nil
        if state.joined[filter]?.users.isEmpty == true { state.joined[filter] = nil }
        note(.leave, user, filter, in: &state)
    }

    private static func note(
        _ event: PresenceChange.Event, _ user: String, _ filter: TopicFilter, in state: inout State
    ) {
        guard state.observer != nil, filter.isName else { return }
        let count = state.joined[filter]?.users.count ?? 0
        state.changes.append(PresenceChange(room: filter.rawValue, user: user, event: event, userCount: count))
    }
}
