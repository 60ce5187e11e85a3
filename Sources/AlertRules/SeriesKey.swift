package import Telemetry

/// Names what a rule looks at: one metric of one device in one room.
package struct SeriesKey: Hashable, Sendable {
    package var room: String
    package var device: DeviceID
    package var metric: String

    package init(room: String, device: DeviceID, metric: String) {
        self.room = room
        self.device = device
        self.metric = metric
    }
}
