package import Core

/// The values that one device measured at one instant. All payload conventions are decoded to readings.
package struct Reading: Hashable, Sendable {
    package var device: DeviceID
    /// The room that receives the reading: the room template of its route, filled in (`sensors/greenhouse-1`).
    package var room: String
    /// The metrics in payload order. Never empty; names are unique.
    package var metrics: [Metric]
    /// When the values were measured: the device's time if it gave a plausible one, else ``receivedAt``.
    package var time: Timestamp
    /// When the gateway read the message from the broker.
    package var receivedAt: Timestamp
    /// The device's time, if it was too far off to be trusted.
    package var implausibleDeviceTime: Timestamp?
    /// True when ``time`` came from the device.
    package var hasDeviceTime: Bool
    /// True when the broker sent the message from its retained store. It may then be of any age.
    package var isRetained: Bool
    /// The publisher's trace context, if it sent one.
    package var trace: TraceContext?

    package init(
        device: DeviceID,
        room: String,
        metrics: [Metric],
        time: Timestamp,
        receivedAt: Timestamp,
        implausibleDeviceTime: Timestamp? = nil,
        hasDeviceTime: Bool = false,
        isRetained: Bool = false,
        trace: TraceContext? = nil
    ) {
        self.device = device
        self.room = room
        self.metrics = metrics
        self.time = time
        self.receivedAt = receivedAt
        self.implausibleDeviceTime = implausibleDeviceTime
        self.hasDeviceTime = hasDeviceTime
        self.isRetained = isRetained
        self.trace = trace
    }
}

/// One measured quantity of a reading: `temperature` 21.5 °C.
package struct Metric: Hashable, Sendable {
    /// The maximum length of a metric's name in UTF-8 bytes.
    package static let maximumNameByteCount = 128

    /// The name that the device uses. The levels of nested payloads are joined with `.`.
    package var name: String
    /// The value; always finite.
    package var value: Double
    /// The unit (`°C`, `%`, `hPa`), if the device or its convention gives one.
    package var unit: String?

    package init(name: String, value: Double, unit: String? = nil) {
        self.name = name
        self.value = value
        self.unit = unit
    }
}

/// The name of a device, taken from a topic or payload, for example `greenhouse-1`.
///
/// A device ID becomes one level of a room's name, so the rules of topic levels apply to it. It has 1 to 128 bytes of
/// UTF-8, no `/`, `+`, `#` or control characters, and does not begin with a combining mark, which would join the
/// character before it.
package struct DeviceID: Hashable, Sendable, CustomStringConvertible {
    /// The maximum length of a device ID in UTF-8 bytes.
    package static let maximumByteCount = 128

    package let rawValue: String

    /// Creates a device ID, or `nil` if the name is not valid as a level of a room's name.
    package init?(_ rawValue: some StringProtocol) {
        guard (1...Self.maximumByteCount).contains(rawValue.utf8.count) else { return nil }
        let name = String(rawValue)
        guard name.isRoomLevel else { return nil }
        self.rawValue = name
    }

    package var description: String { rawValue }
}

/// A device's online or offline status, as published on its status topic.
package struct StatusReport: Hashable, Sendable {
    package var device: DeviceID
    /// The rooms that may receive the device's readings, according to the routes. Never empty; names are unique. There
    /// are several only if routes with different room templates match the topic.
    package var rooms: [String]
    /// True after the device's birth message, false after its farewell message or last will.
    package var isOnline: Bool
    /// When the gateway read the message from the broker.
    package var receivedAt: Timestamp
    /// True when the broker sent the message from its retained store. The status may then be of any age.
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
