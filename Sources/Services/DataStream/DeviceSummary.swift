package import Telemetry

/// A device as `GET /api/devices` shows it: everything it last said, of all its series together, and whether it is
/// there.
package struct DeviceSummary: Sendable {
    package let device: DeviceID
    package let room: String
    /// When the latest message was received.
    package let lastSeen: Timestamp
    /// The time of the newest values; ``lastSeen`` of a device that only said that it is there.
    package let time: Timestamp
    /// Milliseconds since ``time``; `nil` when it is unknown, because all that is known was retained without a time,
    /// and when there are no values.
    package let ageMilliseconds: Int64?
    /// Sorted by name; of several series with the same metric the newest. Empty when there was no reading yet.
    package let metrics: [Metric]
    /// Whether there is no reading yet but what the broker had retained.
    package let isRetained: Bool
    /// Whether the device is there, why and since when; `nil` while that is unknown.
    package let presence: DevicePresence?

    init(_ state: DeviceState, at now: Timestamp) {
        let series = state.series.sorted { $0.latest.time < $1.latest.time }
        let newest = series.last?.latest
        var metrics: [String: Metric] = [:]
        for metric in series.flatMap(\.latest.metrics) { metrics[metric.name] = metric }
        self.device = state.device
        self.room = state.room
        self.lastSeen = state.lastSeen
        self.time = newest?.time ?? state.lastSeen
        self.ageMilliseconds = newest.flatMap { DeviceState.ageMilliseconds(of: $0, at: now) }
        self.metrics = metrics.values.sorted { $0.name < $1.name }
        self.isRetained = !series.isEmpty && series.allSatisfy(\.latest.isRetained)
        self.presence = state.presence
    }
}
