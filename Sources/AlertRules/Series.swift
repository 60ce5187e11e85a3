package import Core
package import Telemetry

/// The identity of a series: one metric of one device in one room.
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

/// The stored data of a series from which the rules continue after a restart.
package struct StoredSeriesState: Sendable {
    /// A value and the time when it was measured.
    package struct Value: Sendable {
        package var value: Double
        package var time: Timestamp

        package init(value: Double, time: Timestamp) {
            self.value = value
            self.time = time
        }
    }

    /// The minimum and maximum of one sub-interval of a window.
    package struct Part: Sendable {
        /// The start of the sub-interval, but never later than the time of loading.
        package var time: Timestamp
        package var minimum: Double
        package var maximum: Double

        package init(time: Timestamp, minimum: Double, maximum: Double) {
            self.time = time
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    /// The stored part of a `change` rule's window.
    package struct Window: Sendable {
        /// The sub-intervals, ordered by time.
        package var parts: [Part]
        /// True if it covers the whole window; false if older values were left out to limit the time to load it.
        package var isWhole: Bool

        package init(parts: [Part], isWhole: Bool) {
            self.parts = parts
            self.isWhole = isWhole
        }
    }

    /// The number of equal sub-intervals into which the window of a `change` rule is divided.
    package static let partCount: Int64 = 60

    /// The latest stored value; `nil` if there is none.
    package var latest: Value?
    /// The windows of the `change` rules, by rule name.
    package var windows: [String: Window]

    package init(latest: Value? = nil, windows: [String: Window] = [:]) {
        self.latest = latest
        self.windows = windows
    }
}
