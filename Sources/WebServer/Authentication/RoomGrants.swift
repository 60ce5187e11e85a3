package import Core
import Realtime
package import Telemetry

/// The rights of a token's holder in rooms. All authorization decisions are made here.
///
/// | Action | Required grant |
/// |---|---|
/// | join, read history, list members | a `join` grant that covers everything the filter can match |
/// | send to a room | a `publish` grant for the room; never a telemetry room or an inbox |
/// | send to a user | a `publish` grant that covers `users/{user}` |
/// | send a notification | `notify` |
/// | share a dashboard | `share`, and a `join` grant for each of its rooms |
///
/// `sensors/+` does not grant `sensors/#`. No leading wildcard matches `$…` or `users/…`. Only its owner may join the
/// inbox `users/{sub}`, with or without a grant.
package struct RoomGrants: Sendable, Hashable {
    /// The first levels of rooms that a filter with a leading wildcard does not match, in addition to those that begin
    /// with `$`.
    package static let protectedFirstLevels = [UserID.inboxRoot]

    private let user: UserID
    private let join: [TopicFilter]
    private let publish: [TopicFilter]
    private let telemetryRoots: Set<String>
    /// True when the user may send notifications.
    package let canNotify: Bool
    /// True when the user may share dashboards whose rooms the user may join.
    package let canShare: Bool

    /// Creates the rights of `user`.
    ///
    /// - Parameter telemetryRoots: First levels of the rooms in which only devices may publish.
    package init(
        user: UserID, join: [TopicFilter], publish: [TopicFilter] = [], notify: Bool = false,
        share: Bool = false, telemetryRoots: Set<String> = []
    ) {
        self.user = user
        self.join = join
        self.publish = publish
        self.canNotify = notify
        self.canShare = share
        self.telemetryRoots = telemetryRoots
    }

    /// True when the user may join `#`: every room except inboxes and `$…`.
    package var canJoinEverything: Bool {
        (try? TopicFilter("#")).map(canJoin) ?? false
    }

    /// Returns true when the user may join the room, or all rooms that the filter matches.
    package func canJoin(_ filter: TopicFilter) -> Bool {
        if Self.isInbox(filter) { return filter.rawValue == user.inbox }
        return join.contains { $0.covers(filter, protecting: Self.protectedFirstLevels) }
    }

    /// Returns true when the user may read the room's history.
    package func canReadHistory(of room: TopicFilter) -> Bool {
        canJoin(room)
    }

    /// Returns true when the user may see the room in lists.
    package func canSee(room: String) -> Bool {
        if UserID.isBelowInboxRoot(room) { return room == user.inbox }
        return join.contains { $0.matches(room, protecting: Self.protectedFirstLevels) }
    }

    /// Returns an index that answers ``canSee(room:)`` for many rooms. The cost of a check does not grow with the
    /// number of grants.
    func visibility() -> RoomVisibility {
        RoomVisibility(own: user.inbox, join.map(\.underlying))
    }

    /// Returns true when the user may publish to this one room. Always false for filters, telemetry rooms and inboxes.
    package func canPublish(to room: TopicFilter) -> Bool {
        guard room.isName, !Self.isInbox(room), !telemetryRoots.contains(room.levels[0]) else {
            return false
        }
        return publish.contains { $0.covers(room, protecting: Self.protectedFirstLevels) }
    }

    /// Returns true when the user may send to the recipient's inbox. Sending to the user's own inbox needs a grant too.
    package func canSend(toUser recipient: UserID) -> Bool {
        guard let inbox = try? TopicFilter(recipient.inbox) else { return false }
        return publish.contains { $0.covers(inbox, protecting: Self.protectedFirstLevels) }
    }

    /// Returns true for `users`, and for every room or filter below it.
    package static func isInbox(_ room: TopicFilter) -> Bool {
        UserID.isBelowInboxRoot(room.rawValue)
    }
}

/// An index of the rooms that a token's holder may see, for checking many rooms.
///
/// `@unchecked Sendable`: the tree does not change after `init`.
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

    /// Returns the same result as ``RoomGrants/canSee(room:)``.
    func canSee(room: String) -> Bool {
        if UserID.isBelowInboxRoot(room) { return room == own }
        if names.contains(room) { return true }
        var isSeen = false
        filters.forEachMember(matching: room) { _ in isSeen = true }
        return isSeen
    }
}
