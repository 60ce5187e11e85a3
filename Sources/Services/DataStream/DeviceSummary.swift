package import Telemetry

/// A device as `GET /api/devices` shows it: everything it last said, of all its series together.
package struct DeviceSummary: Sendable {
    package let device: DeviceID
    package let room: String
    /// When the latest message was received.
    package let lastSeen: Timestamp
    /// The time of the newest values.
    package let time: Timestamp
    /// Milliseconds since ``time``; `nil` when it is unknown, because all that is known was retained without a time.
    package let ageMilliseconds: Int64?
    /// Sorted by name; of several series with the same metric the newest.
    package let metrics: [Metric]
    /// Whether nothing was heard yet but what the broker had retained.
    package let isRetained: Bool

    init?(_ state: DeviceState, at now: Timestamp) {
        let series = state.series.sorted { $0.latest.time < $1.latest.time }
        guard let newest = series.last else { return nil }
        var metrics: [String: Metric] = [:]
        for metric in series.flatMap(\.latest.metrics) { metrics[metric.name] = metric }
        self.device = state.device
        self.room = state.room
        self.lastSeen = state.lastSeen
        self.time = newest.latest.time
        self.ageMilliseconds = DeviceState.ageMilliseconds(of: newest.latest, at: now)
        self.metrics = metrics.values.sorted { $0.name < $1.name }
        self.isRetained = series.allSatisfy(\.latest.isRetained)
    }
}
