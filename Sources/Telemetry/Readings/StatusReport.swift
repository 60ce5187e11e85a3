/// What a device's status topic said of it at one instant.
package struct StatusReport: Hashable, Sendable {
    package var device: DeviceID
    /// The rooms that the device's readings may be streamed into, by the routes; never empty, names unique. More than
    /// one only where routes with different room templates fit the topic.
    package var rooms: [String]
    /// Whether the device is there: true for a birth, false for a farewell and the last will.
    package var isOnline: Bool
    /// When the gateway read the message from the broker.
    package var receivedAt: Timestamp
    /// Whether the broker sent the message from its retained store: then it may have been said at any time.
    package var isRetained: Bool

    package init(
        device: DeviceID, rooms: [String], isOnline: Bool, receivedAt: Timestamp, isRetained: Bool = false
    ) {
        self.device = device
        self.rooms = rooms
        self.isOnline = isOnline
        self.receivedAt = receivedAt
        self.isRetained = isRetained
    }
}
