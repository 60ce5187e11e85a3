/// How a metric's value moves: parts that are added up, then kept within limits and rounded.
///
///     day cycle ─┐
///     noise ─────┼─▶ + ─▶ minimum, maximum ─▶ decimals ─▶ value
///     pulse ─────┘
///
/// A pure value: the same parts, seed and instants give the same values.
package struct Waveform: Sendable {
    /// Added up; an empty list is 0.
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

    /// Takes the seed of the device, before the first value.
    mutating func begin(deviceSeed: UInt64) {
        for index in parts.indices { parts[index].begin(deviceSeed: deviceSeed) }
    }

    /// The value at `elapsed` since the start, which never decreases from call to call.
    package mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        var sum = 0.0
        for index in parts.indices { sum += parts[index].value(at: elapsed, random: &random) }
        return min(max(sum, minimum), maximum)
    }
}
