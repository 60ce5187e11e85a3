/// The course of a metric's value over time: a sum of parts, limited to a range. ``MetricProfile`` then rounds the
/// value to its decimals.
///
///     day cycle ─┐
///     noise ─────┼─▶ + ─▶ minimum, maximum ─▶ value
///     pulse ─────┘
///
/// A pure value: equal parts, seeds and times give equal values.
package struct Waveform: Sendable {
    /// The summands; an empty list gives 0.
    package var parts: [any WaveformPart]
    package var minimum: Double
    package var maximum: Double

    package init(
        _ parts: [any WaveformPart], minimum: Double = -.greatestFiniteMagnitude,
        maximum: Double = .greatestFiniteMagnitude
    ) {
        self.parts = parts
        self.minimum = minimum
        self.maximum = maximum
    }

    /// Sets the device's seed in all parts. Call it once, before ``value(at:random:)``.
    mutating func begin(deviceSeed: UInt64) {
        for index in parts.indices { parts[index].begin(deviceSeed: deviceSeed) }
    }

    /// Returns the value at `elapsed` since the start. `elapsed` must not decrease from call to call.
    package mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        var sum = 0.0
        for index in parts.indices { sum += parts[index].value(at: elapsed, random: &random) }
        return min(max(sum, minimum), maximum)
    }
}

/// One summand of a ``Waveform``. A pure value: its output depends only on its state, the elapsed time and `random`.
package protocol WaveformPart: Sendable {
    /// Returns the value at `elapsed` since the start. Called once per sample, with times that never decrease.
    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double

    /// Sets the device's seed. Called once, before ``value(at:random:)``. Parts with recurring windows use it, so that
    /// windows with equal durations coincide in all metrics of a device.
    mutating func begin(deviceSeed: UInt64)
}

extension WaveformPart {
    package mutating func begin(deviceSeed: UInt64) {}
}
