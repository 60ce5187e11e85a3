import CoreMetrics

/// One histogram series with fixed buckets: timers (in seconds) and aggregating recorders.
///
/// A record is a search in a short array, one atomic increment and one atomic addition.
package final class HistogramSeries: Series, RecorderHandler, TimerHandler {
    let family: String?
    let labels: MetricLabels
    private let buckets: HistogramBuckets
    /// One count a bound, and one more for what is above the last bound. Not cumulative.
    private let counts: AtomicCounts
    private let sum = AtomicDouble(0)

    init(family: String?, labels: MetricLabels, buckets: HistogramBuckets) {
        self.family = family
        self.labels = labels
        self.buckets = buckets
        counts = AtomicCounts(size: buckets.upperBounds.count + 1)
    }

    package func record(_ value: Int64) { record(Double(value)) }

    /// Counts `value` in its bucket; NaN and infinities are left out, because they would spoil the sum for good.
    package func record(_ value: Double) {
        guard value.isFinite else { return }
        counts.increment(buckets.index(of: value))
        sum.add(value)
    }

    /// Counts a duration, in seconds.
    package func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func read() -> MetricValue? {
        var total: UInt64 = 0
        let cumulative = counts.load().map { count in
            total += count
            return total
        }
        return .histogram(
            HistogramSnapshot(
                upperBounds: buckets.upperBounds, cumulativeCounts: cumulative, sum: sum.load()))
    }
}
