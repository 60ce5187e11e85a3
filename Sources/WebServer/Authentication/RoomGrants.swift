package import Telemetry

/// Which rooms a token's holder may join: the one place that decides.
///
/// A requested filter is allowed only if one grant covers everything that it can match: `sensors/+` does not grant
/// `sensors/#`.
package struct RoomGrants: Sendable, Hashable {
    /// The first level of inboxes, which belong to one user each.
    package static let inboxRoot = "users"
    /// First levels that no leading wildcard reaches, beside `$…`.
    package static let protectedFirstLevels = [inboxRoot]

    /// Whether it is an inbox, or reaches into them.
    package static func isInbox(_ room: TopicFilter) -> Bool {
        room.rawValue == inboxRoot || room.rawValue.hasPrefix("\(inboxRoot)/")
    }

    private let user: String
    private let join: [TopicFilter]
    private let publish: [TopicFilter]
    /// Whether the user may send notifications.
    package let canNotify: Bool

    package init(user: String, join: [TopicFilter], publish: [TopicFilter] = [], notify: Bool = false) {
        self.user = user
        self.join = join
        self.publish = publish
        self.canNotify = notify
    }

    /// Whether the user may say something in the room of that name; nobody may in an inbox.
    package func canPublish(to room: TopicFilter) -> Bool {
        guard !Self.isInbox(room) else { return false }
        return publish.contains { $0.covers(room, protecting: Self.protectedFirstLevels) }
    }

    /// Whether the user may send something to that user's inbox.
    package func canSend(toUser recipient: String) -> Bool {
        guard let inbox = try? TopicFilter("\(Self.inboxRoot)/\(recipient)") else { return false }
        return publish.contains { $0.covers(inbox, protecting: Self.protectedFirstLevels) }
    }

    /// Whether the user may join the room, or all rooms that the filter matches.
    package func canJoin(_ filter: TopicFilter) -> Bool {
        if filter.rawValue == "\(Self.inboxRoot)/\(user)" { return true }
        if Self.isInbox(filter) { return false }
        return join.contains { $0.covers(filter, protecting: Self.protectedFirstLevels) }
    }

    /// Whether the user may see the room of that name in lists.
    package func canSee(room: String) -> Bool {
        if room.hasPrefix("\(Self.inboxRoot)/") { return room == "\(Self.inboxRoot)/\(user)" }
        return join.contains { $0.matches(room, protecting: Self.protectedFirstLevels) }
    }
}
