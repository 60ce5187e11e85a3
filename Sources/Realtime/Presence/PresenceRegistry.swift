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

    private struct State {
        var clientsByUser: [String: Int] = [:]
        /// By the filter that was joined (a name is a filter of itself), then by user: how many clients; 0 within the
        /// grace period.
        var usersByFilter: [TopicFilter: [String: Int]] = [:]
        var clientCount = 0
        /// Users whose last client was cut off, in the order in which their grace periods end.
        var absences = Deque<(membership: Membership, deadline: NIODeadline)>()
        /// The deadline that counts for each of them: who was back and went again has a later one.
        var deadlines: [Membership: NIODeadline] = [:]
        var changes: [PresenceChange] = []
        var observer: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let grace: TimeAmount

    /// A registry that waits `grace` before a user who was cut off has left.
    package init(grace: TimeAmount = .seconds(5)) {
        self.grace = grace
    }

    /// Clients that are connected now.
    package var clientCount: Int { state.withLock { $0.clientCount } }

    /// Users with at least one client, sorted.
    package func onlineUsers() -> [String] {
        state.withLock { Array($0.clientsByUser.keys) }.sorted()
    }

    /// Users with a client that joined by a filter that passes `isIncluded`, sorted.
    package func onlineUsers(joinedBy isIncluded: (TopicFilter) -> Bool) -> [String] {
        state.withLock { state in
            var users = Set<String>()
            for (filter, clients) in state.usersByFilter where isIncluded(filter) {
                for (user, count) in clients where count > 0 { users.insert(user) }
            }
            return users
        }.sorted()
    }

    /// How many are in the room or under the filter: those who joined by exactly this filter.
    package func members(under filter: TopicFilter) -> Members {
        state.withLock { Self.count($0.usersByFilter[filter]) }
    }

    /// The members of a concrete room, by its name or by filters that match it: users with their clients.
    package func members(of room: String, protecting firstLevels: [String]) -> [String: Int] {
        state.withLock { state in
            var members: [String: Int] = [:]
            for (filter, users) in state.usersByFilter where filter.matches(room, protecting: firstLevels) {
                members.merge(users, uniquingKeysWith: +)
            }
            return members
        }
    }

    /// What was joined, names and filters, with how many by each.
    package func joinedFilters() -> [(filter: TopicFilter, members: Members)] {
        state.withLock { state in state.usersByFilter.map { ($0.key, Self.count($0.value)) } }
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
                if state.usersByFilter[filter]?[user] == 0 { Self.drop(user, from: filter, in: &state) }
            }
        }
    }

    func connected(user: String) {
        state.withLock {
            $0.clientCount += 1
            $0.clientsByUser[user, default: 0] += 1
        }
    }

    /// Takes a client out that is gone: its user stays a member for the grace period.
    func disconnected(user: String, joined filters: [TopicFilter], at now: NIODeadline) {
        change { state in
            state.clientCount -= 1
            if let count = state.clientsByUser[user] { state.clientsByUser[user] = count > 1 ? count - 1 : nil }
            for filter in filters {
                guard let count = state.usersByFilter[filter]?[user] else { continue }
                state.usersByFilter[filter]?[user] = count - 1
                guard count == 1 else { continue }
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

    func joined(user: String, filter: TopicFilter) {
        change { state in
            let count = state.usersByFilter[filter]?[user]
            state.usersByFilter[filter, default: [:]][user] = (count ?? 0) + 1
            if count == nil { Self.note(.join, user, filter, in: &state) }
        }
    }

    /// Takes a client out that left on purpose: with the last one its user is gone at once.
    func left(user: String, filter: TopicFilter) {
        change { state in
            guard let count = state.usersByFilter[filter]?[user] else { return }
            if count > 1 {
                state.usersByFilter[filter]?[user] = count - 1
            } else {
                Self.drop(user, from: filter, in: &state)
            }
        }
    }

    private func change(_ body: (inout sending State) -> Void) {
        let observer: (@Sendable () -> Void)? = state.withLock { state in
            body(&state)
            return state.changes.isEmpty ? nil : state.observer
        }
        observer?()
    }

    private static func drop(_ user: String, from filter: TopicFilter, in state: inout State) {
        state.usersByFilter[filter]?[user] = nil
        if state.usersByFilter[filter]?.isEmpty == true { state.usersByFilter[filter] = nil }
        note(.leave, user, filter, in: &state)
    }

    private static func note(
        _ event: PresenceChange.Event, _ user: String, _ filter: TopicFilter, in state: inout State
    ) {
        guard state.observer != nil, filter.isName else { return }
        let count = state.usersByFilter[filter]?.count ?? 0
        state.changes.append(PresenceChange(room: filter.rawValue, user: user, event: event, userCount: count))
    }

    private static func count(_ users: [String: Int]?) -> Members {
        Members(users: users?.count ?? 0, clients: users?.values.reduce(0, +) ?? 0)
    }
}
