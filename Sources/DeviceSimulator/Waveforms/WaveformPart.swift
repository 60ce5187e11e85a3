/// One of the summands of a ``Waveform``. Pure: what it gives depends on its own state, the instant and `random` only.
package protocol WaveformPart: Sendable {
    /// The value at `elapsed` since the start; called once for every sample, with instants that never decrease.
    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double

    /// Takes the seed of the device, before the first value; for schedules that several metrics share.
    mutating func begin(deviceSeed: UInt64)
}

extension WaveformPart {
    package mutating func begin(deviceSeed: UInt64) {}
}
