package import Telemetry

/// What is stored of one metric of one device, as far as rules go on from it after a restart.
package struct SeriesMemory: Sendable {
    /// A value, and when it was true.
    package struct Value: Sendable {
        package var value: Double
        package var time: Timestamp

        package init(value: Double, time: Timestamp) {
            self.value = value
            self.time = time
        }
    }

    /// The extremes of a part of a window.
    package struct Part: Sendable {
        package var time: Timestamp
        package var minimum: Double
        package var maximum: Double

        package init(time: Timestamp, minimum: Double, maximum: Double) {
            self.time = time
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    /// A rule's window, or its latest part.
    package struct Window: Sendable {
        /// By time.
        package var parts: [Part]
        /// Whether nothing was left out.
        package var isWhole: Bool

        package init(parts: [Part], isWhole: Bool) {
            self.parts = parts
            self.isWhole = isWhole
        }
    }

    /// The parts of a window that are told apart.
    package static let partCount: Int64 = 60

    /// The latest value.
    package var latest: Value?
    /// The windows of the rules about changes, by the rules' names.
    package var windows: [String: Window]

    package init(latest: Value? = nil, windows: [String: Window] = [:]) {
        self.latest = latest
        self.windows = windows
    }
}
