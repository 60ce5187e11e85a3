import Foundation

/// Outliers at random moments, as a loose contact or a gust gives them: each adds something to a few samples.
struct Spikes: WaveformPart {
    /// The mean time between two.
    var every: Duration
    /// The most that a spike adds; each is between half of it and all of it.
    var height: Double
    /// How long one lasts.
    var width: Duration

    private var next: Duration?
    private var current = 0.0
    private var end = Duration.zero

    init(every: Duration, height: Double, width: Duration) {
        self.every = every
        self.height = height
        self.width = width
    }

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        var start = next ?? Self.pause(mean: every, random: &random)
        while start <= elapsed {
            current = height * (0.5 + random.nextUnit() / 2)
            end = start + width
            start = end + Self.pause(mean: every, random: &random)
        }
        next = start
        return elapsed < end ? current : 0
    }

    /// Exponentially distributed, as the pauses of a Poisson process are; at least a millisecond, so that catching up
    /// over a long silence ends.
    private static func pause(mean: Duration, random: inout SeededGenerator) -> Duration {
        max(.seconds(rounding: -mean.seconds * log(1 - random.nextUnit())), .milliseconds(1))
    }
}
