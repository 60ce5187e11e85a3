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

    /// By hop, ascending by time.
    private var points: [Hop: [Point]] = [:]

    package init() {}

    package mutating func record(_ hop: Hop, _ duration: Duration, at now: Timestamp) {
        let seconds = now.nanosecondsSinceEpoch / 1_000_000_000
        let begin = seconds - seconds % Self.interval
        var series = points[hop] ?? []
        points[hop] = nil
        if let last = series.indices.last, series[last].time >= begin {
            // Also where the clock was set back: the order stays, and nothing is lost.
            series[last].histogram.record(duration)
        } else {
            if series.count >= Self.capacity { series.removeFirst(series.count - Self.capacity + 1) }
            var histogram = LatencyHistogram()
            histogram.record(duration)
            series.append(Point(time: begin, histogram: histogram))
        }
        points[hop] = series
    }

    /// The intervals of a hop since `start`, ascending; intervals without any are left out.
    package func points(of hop: Hop, since start: Timestamp) -> [Point] {
        let seconds = start.nanosecondsSinceEpoch / 1_000_000_000
        return (points[hop] ?? []).filter { $0.time + Self.interval > seconds }
    }
}
