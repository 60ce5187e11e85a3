/// The values of one device at one instant: what every payload convention is decoded to.
package struct Reading: Hashable, Sendable {
    package var device: DeviceID
    /// The room that the reading is streamed into: its route's room template, filled in (`sensors/greenhouse-1`).
    package var room: String
    /// In the payload's order; never empty, names unique.
    package var metrics: [Metric]
    /// When the values were true: the device's time when it gave a plausible one, else ``receivedAt``.
    package var time: Timestamp
    /// When the gateway read the message from the broker.
    package var receivedAt: Timestamp
    /// The time that the device claimed, when it was given but too far off to be believed.
    package var implausibleDeviceTime: Timestamp?
    /// Whether ``time`` came from the device.
    package var hasDeviceTime: Bool
    /// Whether the broker sent the message from its retained store: then it may be of any age.
    package var isRetained: Bool
    /// The publisher's trace context, when it sent one.
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
