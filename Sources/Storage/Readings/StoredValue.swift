package import Telemetry

/// One value of one series, with its place among all values.
package struct StoredValue: Sendable, Equatable {
    /// The ``StoredSeries/id``.
    package var series: Int64
    package var time: Timestamp
    /// Grows with every reading that is stored; the same for all metrics of one reading.
    package var sequence: Int64
    package var value: Double

    package init(series: Int64, time: Timestamp, sequence: Int64, value: Double) {
        self.series = series
        self.time = time
        self.sequence = sequence
        self.value = value
    }

    /// By time, then as they were stored, then by series: a total order.
    static func precedes(_ left: StoredValue, _ right: StoredValue) -> Bool {
        (left.time, left.sequence, left.series) < (right.time, right.sequence, right.series)
    }
}
