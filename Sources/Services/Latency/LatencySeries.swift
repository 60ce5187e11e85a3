package import Telemetry

/// How long every hop took, over the last hour: one histogram each ten seconds and hop.
///
/// Bounded: 6 hops × 360 intervals × 1 kB. A value type; its owner locks.
package struct LatencySeries: Sendable {
    /// Seconds to an interval.
    package static let interval: Int64 = 10
    /// Intervals that are kept.
    package static let capacity = 360

    /// What one hop took in one interval.
    package struct Point: Sendable {
        /// Its begin, in Unix seconds.
        package var time: Int64
        package var histogram: LatencyHistogram
    }

    /// By the hop's index, ascending by time.
    private var points = [[Point]](repeating: [], count: Hop.allCases.count)

    package init() {}

    package mutating func record(_ hop: Hop, _ duration: Duration, at now: Timestamp) {
        let seconds = now.nanosecondsSinceEpoch / 1_000_000_000
        let begin = seconds - seconds % Self.interval
        let index = hop.index
        let last = points[index].count - 1
        if last >= 0, points[index][last].time >= begin {
            // Also where the clock was set back: the order stays, and nothing is lost.
            return points[index][last].histogram.record(duration)
        }
        if last + 1 >= Self.capacity { points[index].removeFirst(last + 2 - Self.capacity) }
        var histogram = LatencyHistogram()
        histogram.record(duration)
        points[index].append(Point(time: begin, histogram: histogram))
    }

    /// The intervals of a hop since `start`, ascending; intervals without any are left out.
    package func points(of hop: Hop, since start: Timestamp) -> [Point] {
        let seconds = start.nanosecondsSinceEpoch / 1_000_000_000
        return points[hop.index].filter { $0.time + Self.interval > seconds }
    }
}
