/// Limits of rooms' histories and of users' notifications.
package struct HistoryConfiguration: Sendable {
    /// Messages to keep per room. The oldest are deleted first.
    package var maxMessagesPerRoom: Int
    /// Age at which messages are deleted.
    package var maxAge: Duration
    /// Rooms that may have a history. Inboxes of users who have connected before or only received notifications are not
    /// counted. Rooms that the gateway itself creates are never refused.
    package var maxRooms: Int
    /// Rooms that one user may have created, including the inboxes of users who have never connected and to whom the
    /// user wrote; 0 for no limit.
    package var maxRoomsPerUser: Int
    /// The number of these rooms that a user may create per hour; 0 for no limit.
    package var maxRoomsPerUserAndHour: Int
    /// Inboxes that one user's notifications may create for users who have never connected; 0 for no limit.
    package var maxInboxesPerSender: Int
    /// Bytes of all rooms' messages. Beyond it, the largest rooms lose their oldest messages.
    package var maxBytes: Int
    /// Bytes of a chat message's content.
    package var maxContentBytes: Int
    /// Notifications to keep per user. The oldest are deleted first.
    package var maxNotificationsPerUser: Int
    /// Bytes of all users' notifications. Beyond it, those who sent the most lose their oldest ones.
    package var maxNotificationBytes: Int
    /// Recipients of one notification.
    package var maxRecipients: Int
    /// The time for which an idempotency key is remembered.
    package var keyLifetime: Duration
    /// Idempotency keys to remember per user. The oldest are deleted first.
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
