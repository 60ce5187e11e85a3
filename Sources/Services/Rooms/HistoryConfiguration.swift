/// Limits of rooms' histories and of users' notifications.
package struct HistoryConfiguration: Sendable {
    /// The most messages to keep per room. The oldest are deleted first.
    package var maxMessagesPerRoom: Int
    /// The age at which messages are deleted.
    package var maxAge: Duration
    /// The most rooms with a history. Inboxes of users who have connected before, and inboxes that have received only
    /// notifications, do not count. Rooms that the gateway itself creates are never refused.
    package var maxRooms: Int
    /// The most rooms created by one user; 0 for no limit. When the user writes to somebody who has never connected,
    /// the inbox that this creates counts as such a room.
    package var maxRoomsPerUser: Int
    /// The most rooms that one user may create per hour, counted like those of ``maxRoomsPerUser``; 0 for no limit.
    package var maxRoomsPerUserAndHour: Int
    /// The most inboxes that one user's notifications may create for users who have never connected; 0 for no limit.
    package var maxInboxesPerSender: Int
    /// The most bytes of all rooms' messages. Beyond it, the largest rooms lose their oldest messages.
    package var maxBytes: Int
    /// The most bytes of a chat message's content.
    package var maxContentBytes: Int
    /// The most notifications to keep per user. The oldest are deleted first.
    package var maxNotificationsPerUser: Int
    /// The most bytes of all users' notifications. Beyond it, the oldest notifications of the users who sent the most
    /// are deleted.
    package var maxNotificationBytes: Int
    /// The most recipients of one notification.
    package var maxRecipients: Int
    /// The time for which an idempotency key is remembered.
    package var keyLifetime: Duration
    /// The most idempotency keys to remember per user. The oldest are deleted first.
    package var maxKeysPerUser: Int

    package init(
        maxMessagesPerRoom: Int = 10_000,
        maxAge: Duration = .seconds(30 * 86_400),
        maxRooms: Int = 100_000,
        maxRoomsPerUser: Int = 1000,
        maxRoomsPerUserAndHour: Int = 600,
        maxInboxesPerSender: Int = 20_000,
        maxBytes: Int = 4 << 30,
        maxContentBytes: Int = 8192,
        maxNotificationsPerUser: Int = 1000,
        maxNotificationBytes: Int = 1 << 30,
        maxRecipients: Int = 10_000,
        keyLifetime: Duration = .seconds(86_400),
        maxKeysPerUser: Int = 10_000
    ) {
        self.maxMessagesPerRoom = maxMessagesPerRoom
        self.maxAge = maxAge
        self.maxRooms = maxRooms
        self.maxRoomsPerUser = maxRoomsPerUser
        self.maxRoomsPerUserAndHour = maxRoomsPerUserAndHour
        self.maxInboxesPerSender = maxInboxesPerSender
        self.maxBytes = maxBytes
        self.maxContentBytes = maxContentBytes
        self.maxNotificationsPerUser = maxNotificationsPerUser
        self.maxNotificationBytes = maxNotificationBytes
        self.maxRecipients = maxRecipients
        self.keyLifetime = keyLifetime
        self.maxKeysPerUser = maxKeysPerUser
    }
}
