import Realtime
package import Telemetry

/// What a token's holder may do in which rooms: the one place that decides.
///
/// | | needs |
/// |---|---|
/// | join, read history, see members | a `join` grant that covers all that the filter can match |
/// | send to a room | a `publish` grant for the room; never a telemetry room or an inbox |
/// | send to a user | a `publish` grant that covers `users/{user}` |
/// | send a notification | `notify` |
///
/// `sensors/+` does not grant `sensors/#`. No leading wildcard reaches `$…` or `users/…`. The inbox `users/{sub}` is
/// its owner's alone to join, granted or not.
package struct RoomGrants: Sendable, Hashable {
    /// The first level of inboxes, which belong to one user each.
    package static let inboxRoot = "users"
    /// First levels that no leading wildcard reaches, beside `$…`.
    package static let protectedFirstLevels = [inboxRoot]

    /// Whether that is an inbox, something below one, a filter of them, or their root.
    package static func isInbox(_ room: TopicFilter) -> Bool {
        isInbox(room.rawValue)
    }

    private let user: String
    private let join: [TopicFilter]
    private let publish: [TopicFilter]
    private let telemetryRoots: Set<String>
    /// Whether the user may send notifications.
    package let canNotify: Bool

    /// - Parameter telemetryRoots: First levels of the rooms in which nobody but devices speaks.
    package init(
        user: String, join: [TopicFilter], publish: [TopicFilter] = [], notify: Bool = false,
        telemetryRoots: Set<String> = []
    ) {
        self.user = user
        self.join = join
        self.publish = publish
        self.canNotify = notify
        self.telemetryRoots = telemetryRoots
    }

    /// Whether the user may join `#`: every room but inboxes and `$…`.
    package var canJoinEverything: Bool {
        (try? TopicFilter("#")).map(canJoin) ?? false
    }

    /// Whether the user may join the room, or all rooms that the filter matches.
    package func canJoin(_ filter: TopicFilter) -> Bool {
        if Self.isInbox(filter.rawValue) { return filter.rawValue == "\(Self.inboxRoot)/\(user)" }
        return join.contains { $0.covers(filter, protecting: Self.protectedFirstLevels) }
    }

    /// Whether the user may read what was said in the room.
    package func canReadHistory(of room: TopicFilter) -> Bool {
        canJoin(room)
    }

    /// Whether the user may see the room of that name in lists.
    package func canSee(room: String) -> Bool {
        if Self.isInbox(room) { return room == "\(Self.inboxRoot)/\(user)" }
        return join.contains { $0.matches(room, protecting: Self.protectedFirstLevels) }
    }

    /// ``canSee(room:)`` for many rooms, in time that does not grow with the number of grants.
    func visibility() -> RoomVisibility {
        RoomVisibility(own: "\(Self.inboxRoot)/\(user)", join.map(\.underlying))
    }

    /// Whether the user may say something in that one room. Never in a filter, a telemetry room or an inbox.
    package func canPublish(to room: TopicFilter) -> Bool {
        guard room.isName, !Self.isInbox(room.rawValue), !telemetryRoots.contains(room.levels[0]) else {
            return false
        }
        return publish.contains { $0.covers(room, protecting: Self.protectedFirstLevels) }
    }

    /// Whether the user may send something to that user's inbox; to the own one too it takes a grant.
    package func canSend(toUser recipient: String) -> Bool {
        guard DeviceID(recipient) != nil, let inbox = try? TopicFilter("\(Self.inboxRoot)/\(recipient)") else {
            return false
        }
        return publish.contains { $0.covers(inbox, protecting: Self.protectedFirstLevels) }
    }

    private static func isInbox(_ room: String) -> Bool {
        room == inboxRoot || room.hasPrefix("\(inboxRoot)/")
    }
}

/// Which rooms a token's holder may see, for going through many of them.
///
/// `@unchecked Sendable`: the tree is not changed after `init`.
final class RoomVisibility: @unchecked Sendable {
    private final class Grant {}

    private let own: String
    private let names: Set<String>
    private let filters: RoomFilterTree<Grant>

    fileprivate init(own: String, _ grants: [TopicFilter]) {
        self.own = own
        names = Set(grants.filter(\.isName).map(\.rawValue))
        filters = RoomFilterTree(protecting: RoomGrants.protectedFirstLevels)
        let grant = Grant()
        for filter in grants where !filter.isName { filters.insert(grant, under: filter) }
    }

    /// The same as ``RoomGrants/canSee(room:)``.
    func canSee(room: String) -> Bool {
        if room == RoomGrants.inboxRoot || room.hasPrefix("\(RoomGrants.inboxRoot)/") { return room == own }
        if names.contains(room) { return true }
        var isSeen = false
        filters.forEachMember(matching: room) { _ in isSeen = true }
        return isSeen
    }
}
