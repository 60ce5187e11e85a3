package import Telemetry

/// What a device measured at one instant, before it is written as a payload.
package struct Sample: Sendable, Hashable {
    package var device: String
    /// Never empty; names unique, values finite.
    package var metrics: [Metric]
    /// What goes into the payload as the time; `nil` when the device stamps nothing.
    package var time: Timestamp?

    package init(device: String, metrics: [Metric], time: Timestamp? = nil) {
        self.device = device
        self.metrics = metrics
        self.time = time
    }
}
