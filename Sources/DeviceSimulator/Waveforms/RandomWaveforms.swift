import Foundation

/// An event that happens from time to time and takes a while, such as an open door or a running compressor.
///
/// Each period of ``RecurringWindows/every`` contains one pulse of length ``RecurringWindows/width`` at a random
/// position. The position depends only on the device's seed and these two durations. Pulses of different metrics of a
/// device therefore coincide when both durations are equal: a temperature rises exactly while a door is open.
struct Pulse: WaveformPart {
    /// The height that the pulse approaches. A pulse that is short compared with ``rise`` stays lower.
    var height: Double
    var windows: RecurringWindows
    /// The time constant of the rise, after which the value has reached 63 % of its height; 0 for an immediate rise.
    var rise: Duration = .zero
    /// The time constant of the fall, after which the value has lost 63 % of its height; 0 for an immediate fall.
    var fall: Duration = .zero

    mutating func begin(deviceSeed: UInt64) {
        windows = windows.seeded(deviceSeed)
    }

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        let number = windows.number(at: elapsed)
        var sum = 0.0
        // A pulse fades during the periods after it. After four, it has faded or is masked by later pulses.
        for index in max(number - 4, 0)...number { sum += response(to: windows.window(index), at: elapsed) }
        return sum
    }

    private func response(to window: Range<Duration>, at elapsed: Duration) -> Double {
        guard elapsed >= window.lowerBound else { return 0 }
        let lit = (min(elapsed, window.upperBound) - window.lowerBound).seconds
        let reached = rise == .zero ? height : height * (1 - exp(-lit / rise.seconds))
        guard elapsed >= window.upperBound else { return reached }
        return fall == .zero ? 0 : reached * exp(-(elapsed - window.upperBound).seconds / fall.seconds)
    }
}

/// Outliers at random times, like those of a loose contact or a gust. Each one is added to a few samples.
struct Spikes: WaveformPart {
    /// The mean time between two spikes.
    var every: Duration
    /// The maximum height. Each spike has at least half of it.
    var height: Double
    /// The duration of a spike.
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

    /// Returns an exponentially distributed pause, as in a Poisson process. It lasts at least a millisecond, so that
    /// catching up after a long silence terminates.
    private static func pause(mean: Duration, random: inout SeededGenerator) -> Duration {
        max(.seconds(rounding: -mean.seconds * log(1 - random.nextUnit())), .milliseconds(1))
    }
}

/// A random walk: each sample is the previous one plus a random step, reflected at the bounds.
struct RandomWalk: WaveformPart {
    /// The maximum difference between two samples.
    var step: Double
    var bounds: ClosedRange<Double>
    /// The latest value; initially the start.
    private var current: Double
    private var isFirst = true

    /// Creates a walk from `start`, which is clamped to `bounds`.
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

/// Sensor noise, normally distributed around 0.
struct Noise: WaveformPart {
    /// The standard deviation. No sample deviates from 0 by more than five times this value.
    var deviation: Double

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        deviation * random.nextNormal()
    }
}
