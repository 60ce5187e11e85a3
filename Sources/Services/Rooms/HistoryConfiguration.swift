/// What rooms and users' notifications may grow to.
package struct HistoryConfiguration: Sendable {
    /// Messages that a room keeps; the oldest go.
    package var maxMessagesPerRoom: Int
    /// Age at which messages go.
    package var maxAge: Duration
    /// Rooms that may have a history; inboxes of users who have been here or were only notified are not counted, and
    /// rooms that the gateway itself makes are not refused.
    package var maxRooms: Int
    /// Rooms that one user may have made, including the inboxes of unknown users to whom that user has spoken; 0 for any
    /// number.
    package var maxRoomsPerUser: Int
    /// Of those, how many in an hour; 0 for any number.
    package var maxRoomsPerUserAndHour: Int
    /// Inboxes that the notifications of one user may have made for users who have never been here; 0 for any number.
    package var maxInboxesPerSender: Int
    /// Bytes that the messages of all rooms may take; the largest rooms lose their oldest ones.
    package var maxBytes: Int
    /// Bytes of a chat message's content.
    package var maxContentBytes: Int
    /// Notifications that a user keeps; the oldest go.
    package var maxNotificationsPerUser: Int
    /// Bytes that the notifications of all users may take; the senders of most of them lose their oldest ones.
    package var maxNotificationBytes: Int
    /// Users that one notification may be for.
    package var maxRecipients: Int
    /// How long an idempotency key is remembered.
    package var keyLifetime: Duration
    /// Idempotency keys of a user that are remembered; the oldest go.
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
