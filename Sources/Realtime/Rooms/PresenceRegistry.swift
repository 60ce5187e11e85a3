import Synchronization
package import Telemetry

/// Who is connected and who is in which room, over all shards: one registry for the hub.
///
/// Users and clients are counted apart: one user with three tabs is one user and three clients. Thread-safe; called
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

    private struct State {
        var clientsByUser: [String: Int] = [:]
        /// By the filter that was joined (a name is a filter of itself), then by user: how many clients.
        var usersByFilter: [TopicFilter: [String: Int]] = [:]
        var clientCount = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Clients that are connected now.
    package var clientCount: Int { state.withLock { $0.clientCount } }

    /// Users with at least one client, sorted.
    package func onlineUsers() -> [String] {
        state.withLock { Array($0.clientsByUser.keys) }.sorted()
    }

    /// How many are in the room or under the filter: those who joined by exactly this filter.
    package func members(under filter: TopicFilter) -> Members {
        state.withLock { Self.count($0.usersByFilter[filter]) }
    }

    /// What was joined, names and filters, with how many by each.
    package func joinedFilters() -> [(filter: TopicFilter, members: Members)] {
        state.withLock { state in state.usersByFilter.map { ($0.key, Self.count($0.value)) } }
    }

    func connected(user: String) {
        state.withLock {
            $0.clientCount += 1
            $0.clientsByUser[user, default: 0] += 1
        }
    }

    func disconnected(user: String, joined filters: [TopicFilter]) {
        state.withLock { state in
            state.clientCount -= 1
            Self.decrement(&state.clientsByUser, user)
            for filter in filters { Self.remove(user, from: filter, in: &state) }
        }
    }

    func joined(user: String, filter: TopicFilter) {
        state.withLock { $0.usersByFilter[filter, default: [:]][user, default: 0] += 1 }
    }

    func left(user: String, filter: TopicFilter) {
        state.withLock { Self.remove(user, from: filter, in: &$0) }
    }

    private static func count(_ users: [String: Int]?) -> Members {
        Members(users: users?.count ?? 0, clients: users?.values.reduce(0, +) ?? 0)
    }

    private static func remove(_ user: String, from filter: TopicFilter, in state: inout State) {
        guard state.usersByFilter[filter] != nil else { return }
        decrement(&state.usersByFilter[filter, default: [:]], user)
        if state.usersByFilter[filter]?.isEmpty == true { state.usersByFilter[filter] = nil }
    }

    private static func decrement(_ counts: inout [String: Int], _ key: String) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }
}
