/// Noise of a sensor: normally distributed around 0.
struct Noise: WaveformPart {
    /// The standard deviation; no sample is further off than five of it.
    var deviation: Double

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        deviation * random.nextNormal()
    }
}
