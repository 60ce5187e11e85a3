package import Core
import NIOCore
package import Telemetry

/// The users and their rooms at one instant.
///
/// `@unchecked Sendable`: nothing in it, including the tree, changes after `init`.
package final class PresenceSnapshot: @unchecked Sendable {
    /// A room or filter with the users and clients that joined by it.
    package final class Group: Sendable {
        package let filter: TopicFilter
        /// Each user's clients. A user in the grace period has none.
        package let users: [UserID: UserClients]
        package let members: PresenceRegistry.Members

        fileprivate init(_ filter: TopicFilter, _ joined: PresenceRegistry.Joined) {
            self.filter = filter
            users = joined.users
            members = joined.members
        }
    }

    /// Snapshots with at most this many users and filters are never reused after a change.
    static let maxFreshCount = 2000
    /// A larger snapshot may be reused for this multiple of the time it took to build.
    private static let restFactor: Int64 = 20

    /// Users with at least one client, sorted.
    package let onlineUsers: [UserID]
    /// Rooms and filters with members, in no particular order.
    package let groups: [Group]

    let version: UInt64
    private let named: [String: Group]
    private let wildcards: RoomFilterTree<Group>
    private let reusableUntil: NIODeadline

    init(
        version: UInt64, users: [UserID: Int], joined: [TopicFilter: PresenceRegistry.Joined],
        protecting firstLevels: [String], at now: NIODeadline
    ) {
        let start = NIODeadline.now()
        self.version = version
        onlineUsers = users.keys.sorted()
        groups = joined.map { Group($0.key, $0.value) }
        var named: [String: Group] = [:]
        let wildcards = RoomFilterTree<Group>(protecting: firstLevels)
        for group in groups {
            if group.filter.isName {
                named[group.filter.rawValue] = group
            } else {
                wildcards.insert(group, under: group.filter)
            }
        }
        self.named = named
        self.wildcards = wildcards
        let isSmall = users.count + joined.count <= Self.maxFreshCount
        let cost = (NIODeadline.now() - start).nanoseconds
        reusableUntil = isSmall ? now : now + .nanoseconds(cost * Self.restFactor)
    }

    /// Returns true if the snapshot may still be used despite later changes.
    func isReusable(at now: NIODeadline) -> Bool { now < reusableUntil }

    /// Returns the members of a room, joined by its name or by a matching filter: the number of clients by user.
    package func members(of room: String) -> [UserID: Int] {
        var members = named[room]?.users ?? [:]
        wildcards.forEachMember(matching: room) { group in
            members.merge(group.users) { clients, others in
                var clients = clients
                clients.formUnion(others)
                return clients
            }
        }
        return members.mapValues(\.count)
    }

    /// Returns the number of clients that joined the room by its name or by a matching filter.
    package func clientCount(of room: String) -> Int {
        var groups = named[room].map { [$0] } ?? []
        wildcards.forEachMember(matching: room) { groups.append($0) }
        guard groups.count > 1 else { return groups.first?.members.clients ?? 0 }
        var clients: Set<ObjectIdentifier> = []
        for group in groups {
            for user in group.users.values { user.forEach { clients.insert($0) } }
        }
        return clients.count
    }
}
