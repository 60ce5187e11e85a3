package import Core
import DequeModule
package import NIOCore
import Synchronization
package import Telemetry

/// The connected users and the members of each room, across all shards. A hub has one registry.
///
/// Users and clients are counted separately: one user with three tabs is one user and three clients. A user whose last
/// client was disconnected stays a member for a grace period, so that a reconnect is neither a leave nor a join.
///
/// Thread-safe. Called when clients connect, disconnect, join and leave, never per message.
package final class PresenceRegistry: Sendable {
    /// The number of users and clients in a room.
    package struct Members: Sendable, Equatable {
        package var users: Int
        package var clients: Int

        package init(users: Int = 0, clients: Int = 0) {
            self.users = users
            self.clients = clients
        }
    }

    private struct Membership: Hashable {
        var user: UserID
        var filter: TopicFilter
    }

    /// The users and clients that joined by one filter.
    struct Joined {
        /// Each user's clients. A user in the grace period has none.
        var users: [UserID: UserClients] = [:]
        /// The number of clients of all these users.
        var clientCount = 0

        var members: Members { Members(users: users.count, clients: clientCount) }
    }

    private struct State {
        var clientsByUser: [UserID: Int] = [:]
        /// Members by the filter they joined. A room's name counts as a filter.
        var joined: [TopicFilter: Joined] = [:]
        /// Incremented with every change of the two properties above.
        var version: UInt64 = 0
        /// Users whose last client was disconnected, in the order in which their grace periods end.
        var absences = Deque<(membership: Membership, deadline: NIODeadline)>()
        /// The valid deadline of each absence. A user who returned and disconnected again has a later one than in the
        /// older entry of ``absences``, which is then ignored.
        var deadlines: [Membership: NIODeadline] = [:]
        var changes: [PresenceChange] = []
        var observer: (@Sendable () -> Void)?
    }

    private let state = Lock(State())
    private let clients = Atomic<Int>(0)
    private let grace: TimeAmount
    private let protectedFirstLevels: [String]
    private let latest = Lock<PresenceSnapshot?>(nil)

    /// Creates a registry.
    ///
    /// - Parameters:
    ///   - grace: The time for which a user whose last client was disconnected stays a member.
    ///   - protectedFirstLevels: First levels of room names that a wildcard at the beginning of a filter does not
    ///     match.
    package init(grace: TimeAmount = .seconds(5), protecting protectedFirstLevels: [String] = []) {
        self.grace = grace
        self.protectedFirstLevels = protectedFirstLevels
    }

    /// The number of connected clients. Takes no lock, because publishers read it for every batch.
    package var clientCount: Int { clients.load(ordering: .relaxed) }

    /// The number of users with at least one client.
    package var userCount: Int { state.withLock { $0.clientsByUser.count } }

    /// Returns a snapshot for queries about many rooms or users, which then run without the registry's lock.
    ///
    /// A new snapshot is taken only after a change. Large snapshots are rate-limited so that taking them uses at most
    /// about a twentieth of the time; they may therefore be slightly out of date.
    package func snapshot(now: NIODeadline = .now()) -> PresenceSnapshot {
        latest.withLock { latest in
            // These copies share their storage until the next change, so nothing is scanned under the lock.
            let (version, users, joined) = state.withLock { ($0.version, $0.clientsByUser, $0.joined) }
            if let latest, latest.version == version || latest.isReusable(at: now) { return latest }
            let snapshot = PresenceSnapshot(
                version: version, users: users, joined: joined, protecting: protectedFirstLevels, at: now)
            latest = snapshot
            return snapshot
        }
    }

    /// Returns the number of members that joined by exactly this room or filter.
    package func members(under filter: TopicFilter) -> Members {
        state.withLock { $0.joined[filter]?.members ?? Members() }
    }

    // MARK: Changes

    /// Sets the observer, which is called after each change of a room's users, on the thread that made the change.
    ///
    /// There is at most one observer. It fetches the changes with ``takeChanges()``; none are recorded without an
    /// observer.
    package func observe(_ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observer = observer }
    }

    /// Removes and returns the recorded changes, in order.
    package func takeChanges() -> [PresenceChange] {
        state.withLock { state in
            defer { state.changes = [] }
            return state.changes
        }
    }

    /// Removes users whose grace period is over. Call it about once a second.
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

    func connected(user: UserID) {
        clients.add(1, ordering: .relaxed)
        change { $0.clientsByUser[user, default: 0] += 1 }
    }

    /// Removes a disconnected client. Its user stays a member for the grace period.
    func disconnected(_ client: ObjectIdentifier, of user: UserID, joined filters: [TopicFilter], at now: NIODeadline) {
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

    /// Adds a client. The client must not have joined by this filter already.
    func joined(_ client: ObjectIdentifier, of user: UserID, filter: TopicFilter) {
        change { state in
            let isNew = state.joined[filter]?.users[user] == nil
            state.joined[filter, default: Joined()].users[user, default: UserClients()].insert(client)
            state.joined[filter]?.clientCount += 1
            if isNew { Self.record(.join, user, filter, in: &state) }
        }
    }

    /// Removes a client that left on purpose. When it was the user's last client, the user leaves at once.
    func left(_ client: ObjectIdentifier, of user: UserID, filter: TopicFilter) {
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

    private static func drop(_ user: UserID, from filter: TopicFilter, in state: inout State) {
        state.joined[filter]?.users[user] = nil
        if state.joined[filter]?.users.isEmpty == true { state.joined[filter] = nil }
        record(.leave, user, filter, in: &state)
    }

    private static func record(
        _ event: PresenceChange.Event, _ user: UserID, _ filter: TopicFilter, in state: inout State
    ) {
        guard state.observer != nil, filter.isName else { return }
        let count = state.joined[filter]?.users.count ?? 0
        state.changes.append(PresenceChange(room: filter.rawValue, user: user, event: event, userCount: count))
    }
}

/// A user's entry into a room (first client) or exit from it (last client).
package struct PresenceChange: Sendable, Equatable {
    package enum Event: String, Sendable {
        case join
        case leave
    }

    package let room: String
    package let user: UserID
    package let event: Event
    /// The number of users in the room after the change.
    package let userCount: Int
}

/// The clients through which one user is in a room: usually one, none during the grace period.
///
/// Clients are told apart so that a client that joined a room both by name and by a filter counts once.
package struct UserClients: Sendable, Equatable {
    private var first: ObjectIdentifier?
    private var others: [ObjectIdentifier] = []

    package var count: Int { (first == nil ? 0 : 1) + others.count }

    /// Calls `body` with each client.
    func forEach(_ body: (ObjectIdentifier) -> Void) {
        if let first { body(first) }
        others.forEach(body)
    }

    /// Adds a client if it is not in the set yet.
    mutating func insert(_ client: ObjectIdentifier) {
        guard let first else { return self.first = client }
        if first != client, !others.contains(client) { others.append(client) }
    }

    /// Removes a client. Returns false when it is not in the set.
    mutating func remove(_ client: ObjectIdentifier) -> Bool {
        if first == client {
            first = others.popLast()
        } else if let index = others.firstIndex(of: client) {
            others.remove(at: index)
        } else {
            return false
        }
        return true
    }

    mutating func formUnion(_ clients: Self) {
        clients.forEach { insert($0) }
    }
}
