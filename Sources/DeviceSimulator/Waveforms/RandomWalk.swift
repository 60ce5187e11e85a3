/// A value that wanders: each sample is the one before and a random step, thrown back at the bounds.
struct RandomWalk: WaveformPart {
    /// The most that one sample differs from the one before.
    var step: Double
    var bounds: ClosedRange<Double>
    /// The latest value; at first the start.
    private var current: Double
    private var isFirst = true

    /// A walk from `start`, which lies within `bounds`.
    init(start: Double, step: Double, bounds: ClosedRange<Double>) {
        self.step = step
        self.bounds = bounds
        current = min(max(start, bounds.lowerBound), bounds.upperBound)
    }

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        if isFirst {
            isFirst = false
            return current
        }
        var next = current + random.nextSigned(step)
        if next > bounds.upperBound { next = 2 * bounds.upperBound - next }
        if next < bounds.lowerBound { next = 2 * bounds.lowerBound - next }
        current = min(max(next, bounds.lowerBound), bounds.upperBound)
        return current
    }
}
