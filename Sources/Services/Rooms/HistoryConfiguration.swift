/// What rooms and users' notifications may grow to.
package struct HistoryConfiguration: Sendable {
    /// Messages that a room keeps; the oldest go.
    package var maxMessagesPerRoom: Int
    /// Age at which messages go.
    package var maxAge: Duration
    /// Rooms that may have a history.
    package var maxRooms: Int
    /// Bytes of a chat message's content.
    package var maxContentBytes: Int
    /// Notifications that a user keeps; the oldest go.
    package var maxNotificationsPerUser: Int
    /// Users that one notification may be for.
    package var maxRecipients: Int
    /// How long an idempotency key is remembered.
    package var keyLifetime: Duration

    package init(
        maxMessagesPerRoom: Int = 10_000,
        maxAge: Duration = .seconds(30 * 86_400),
        maxRooms: Int = 100_000,
        maxContentBytes: Int = 8192,
        maxNotificationsPerUser: Int = 1000,
        maxRecipients: Int = 10_000,
        keyLifetime: Duration = .seconds(86_400)
    ) {
        self.maxMessagesPerRoom = maxMessagesPerRoom
        self.maxAge = maxAge
        self.maxRooms = maxRooms
        self.maxContentBytes = maxContentBytes
        self.maxNotificationsPerUser = maxNotificationsPerUser
        self.maxRecipients = maxRecipients
        self.keyLifetime = keyLifetime
    }
}
