import CoreMetrics
import Synchronization

/// One histogram series with fixed buckets, for timers (in seconds) and aggregating recorders.
///
/// Recording costs a search in a short array, one atomic increment and one atomic addition.
package final class HistogramSeries: Series, RecorderHandler, TimerHandler {
    let family: String?
    let labels: MetricLabels
    private let buckets: HistogramBuckets
    /// One count per bound, plus a last one for values above all bounds. Not cumulative.
    private let counts: AtomicCounts
    private let sum = AtomicDouble(0)

    init(family: String?, labels: MetricLabels, buckets: HistogramBuckets) {
        self.family = family
        self.labels = labels
        self.buckets = buckets
        counts = AtomicCounts(size: buckets.upperBounds.count + 1)
    }

    package func record(_ value: Int64) { record(Double(value)) }

    /// Counts `value` in its bucket. Ignores NaN and infinity, which would corrupt the sum permanently.
    package func record(_ value: Double) {
        guard value.isFinite else { return }
        counts.increment(buckets.index(of: value))
        sum.add(value)
    }

    /// Records a duration in nanoseconds as seconds.
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

/// The upper bounds of a histogram's buckets. A bucket counts the values up to and including its bound.
package struct HistogramBuckets: Hashable, Sendable {
    /// The finite upper bounds, in ascending order and without duplicates. The unbounded bucket (`+Inf`) always exists
    /// and is not listed.
    package let upperBounds: [Double]

    /// Creates buckets with the given bounds, sorted. Ignores duplicates and non-finite bounds.
    package init(_ bounds: [Double]) {
        upperBounds = Set(bounds.filter(\.isFinite)).sorted()
    }

    /// Bounds from 0.5 ms to 10 s, for end-to-end latency (device to browser) and for HTTP requests.
    package static let seconds = HistogramBuckets(
        [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])

    /// Bounds from 1 to 1,000,000, for batch sizes, bytes and queue lengths.
    package static let counts = HistogramBuckets(
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000])

    /// Returns the index of the bucket for `value`, or the number of bounds if the value is above all of them.
    func index(of value: Double) -> Int {
        var low = 0
        var high = upperBounds.count
        while low < high {
            let middle = (low + high) / 2
            if value <= upperBounds[middle] { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// A fixed-size array of counters that threads can increment without a lock, used for the buckets of a histogram.
///
/// `@unchecked Sendable`: the pointer never changes after `init`. Elements are initialised only in `init` and
/// deinitialised only in `deinit`; in between they are accessed only through atomic operations.
final class AtomicCounts: @unchecked Sendable {
    private let counts: UnsafeMutablePointer<Atomic<UInt64>>
    private let size: Int

    /// Creates `size` counters, all zero.
    init(size: Int) {
        self.size = size
        counts = .allocate(capacity: size)
        for index in 0..<size {
            (counts + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        counts.deinitialize(count: size)
        counts.deallocate()
    }

    func increment(_ index: Int) {
        precondition((0..<size).contains(index), "the bucket index is \(index); allowed: 0 to \(size - 1)")
        counts[index].wrappingAdd(1, ordering: .relaxed)
    }

    /// Returns all counts. They are read one after the other, so concurrent increments may or may not be included.
    func load() -> [UInt64] {
        (0..<size).map { counts[$0].load(ordering: .relaxed) }
    }
}
