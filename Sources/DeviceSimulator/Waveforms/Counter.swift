/// A number that grows by the same step with every sample, whether its message arrives or not: a sequence number that
/// shows what was lost.
struct Counter: WaveformPart {
    /// The next sample's value.
    private var next: Double
    var step: Double

    init(start: Double = 0, step: Double = 1) {
        next = start
        self.step = step
    }

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        defer { next += step }
        return next
    }
}
