package import Core

/// The latency of every hop (``LatencyStage``) over the last hour: one histogram per hop for every ten seconds.
///
/// Bounded: 7 hops × 360 intervals × 1 kB. A value type; its owner provides the lock.
package struct LatencySeries: Sendable {
    /// The length of an interval in seconds.
    package static let interval: Int64 = 10
    /// The number of intervals to keep per hop.
    package static let capacity = 360

    /// The latency of one hop in one interval.
    package struct Point: Sendable {
        /// Start of the interval in Unix seconds.
        package var time: Int64
        package var histogram: LatencyHistogram
    }

    /// The points by ``LatencyStage/index``, each array in ascending order of time.
    private var points = [[Point]](repeating: [], count: LatencyStage.allCases.count)

    package init() {}

    package mutating func record(_ stage: LatencyStage, _ duration: Duration, at now: Timestamp) {
        let seconds = now.nanosecondsSinceEpoch / 1_000_000_000
        let begin = seconds - seconds % Self.interval
        let index = stage.index
        let last = points[index].count - 1
        if last >= 0, points[index][last].time >= begin {
            // When the clock was set back, the sample goes to the latest interval: the order stays, and no sample is
            // lost.
            return points[index][last].histogram.record(duration)
        }
        if last + 1 >= Self.capacity { points[index].removeFirst(last + 2 - Self.capacity) }
        var histogram = LatencyHistogram()
        histogram.record(duration)
        points[index].append(Point(time: begin, histogram: histogram))
    }

    /// Returns the intervals of a stage since `start`, ascending. Intervals without samples are omitted.
    package func points(of stage: LatencyStage, since start: Timestamp) -> [Point] {
        let seconds = start.nanosecondsSinceEpoch / 1_000_000_000
        return points[stage.index].filter { $0.time + Self.interval > seconds }
    }
}

/// A histogram of durations with eight buckets per power of two. Percentiles are at most 13 % too high and never too
/// low. Takes about one kilobyte.
///
/// Covers 1 µs to about an hour. Durations outside that range are clamped.
package struct LatencyHistogram: Sendable {
    /// The number of buckets per power of two.
    private static let steps = 8
    private static let maxMicroseconds: UInt64 = (1 << 32) - 1

    private var counts = [UInt32](repeating: 0, count: 31 * steps)
    package private(set) var count = 0
    /// The longest duration in microseconds.
    private var longest: UInt64 = 0

    package init() {}

    package mutating func record(_ duration: Duration) {
        let value = UInt64(min(max(duration / .microseconds(1), 1), Double(Self.maxMicroseconds)))
        counts[Self.index(of: value)] &+= 1
        count += 1
        longest = max(longest, value)
    }

    package mutating func add(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        count += other.count
        longest = max(longest, other.longest)
    }

    package var maximumMilliseconds: Double { Double(longest) / 1000 }

    /// Returns the percentile for `share` (0 to 1) in milliseconds; 0 for an empty histogram.
    package func percentileMilliseconds(_ share: Double) -> Double {
        guard count > 0 else { return 0 }
        let rank = max(1, Int((share * Double(count)).rounded(.up)))
        var seen = 0
        for (index, bucket) in counts.enumerated() {
            seen += Int(bucket)
            if seen >= rank { return min(Double(longest), Self.upperBound(of: index)) / 1000 }
        }
        return maximumMilliseconds
    }

    private static func index(of value: UInt64) -> Int {
        // Below 8 µs there is one bucket per microsecond.
        guard value >= UInt64(steps) else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let mantissa = Int(value >> UInt64(exponent - 3)) & (steps - 1)
        return (exponent - 2) * steps + mantissa
    }

    private static func upperBound(of index: Int) -> Double {
        guard index >= steps else { return Double(index) }
        let exponent = index / steps + 2
        let mantissa = index % steps
        return Double(UInt64(steps + mantissa + 1) << UInt64(exponent - 3)) - 1
    }
}
