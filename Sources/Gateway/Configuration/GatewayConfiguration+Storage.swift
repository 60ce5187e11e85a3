import Services
package import Storage

/// Durability and retention of stored readings.
package struct StorageConfiguration: Sendable {
    package var durability: Durability
    package var retention: RetentionPolicy
    /// Time that a forward leap of the clock must persist before retention trusts it.
    package var clockHold: Duration
    /// Maximum number of stored series, over all devices.
    package var maxSeries: Int
    /// Maximum number of stored dead letters.
    package var maxDeadLetters: Int
}

extension GatewayConfiguration {
    static func storage(_ settings: inout SettingsReader) -> StorageConfiguration {
        StorageConfiguration(
            durability: settings.choice(
                .durability, Durability.allCases.map { ($0.rawValue, $0) }, fallback: .normal),
            retention: RetentionPolicy(
                maxAge: settings.duration(.readingsAge, in: .seconds(60)...(.seconds(100 * 365 * 86_400))),
                maxBytes: Int64(settings.integer(.readingsBytes, in: (1 << 20)...(1 << 50)))),
            clockHold: settings.duration(.clockHold, in: .zero...(.seconds(30 * 86_400))),
            maxSeries: settings.integer(.series, in: 1...100_000_000),
            maxDeadLetters: settings.integer(.deadLetters, in: 1...1_000_000))
    }

    static func history(_ settings: inout SettingsReader) -> HistoryConfiguration {
        HistoryConfiguration(
            maxMessagesPerRoom: settings.integer(.historyMessages, in: 1...100_000_000),
            maxAge: settings.duration(.historyAge, in: .seconds(60)...(.seconds(3650 * 86_400))),
            maxRooms: settings.integer(.historyRooms, in: 1...10_000_000),
            maxRoomsPerUser: settings.integer(.userRooms, in: 0...10_000_000),
            maxRoomsPerUserAndHour: settings.integer(.userRoomsPerHour, in: 0...10_000_000),
            maxInboxesPerSender: settings.integer(.userInboxes, in: 0...10_000_000),
            maxBytes: settings.integer(.historyBytes, in: 1 << 20...1 << 50),
            maxContentBytes: settings.integer(.contentBytes, in: 1...(1 << 20)),
            maxNotificationsPerUser: settings.integer(.historyNotifications, in: 1...1_000_000),
            maxNotificationBytes: settings.integer(.notificationBytes, in: 1 << 20...1 << 50),
            maxRecipients: settings.integer(.notificationRecipients, in: 1...1_000_000),
            maxKeysPerUser: settings.integer(.historyKeys, in: 1...10_000_000))
    }
}
