/// The upper bounds of a histogram's buckets. A bucket counts the values up to and including its bound.
package struct HistogramBuckets: Hashable, Sendable {
    /// Finite, ascending, no two equal. The bucket without a bound (`+Inf`) always exists and is not listed.
    package let upperBounds: [Double]

    /// Buckets with these bounds, sorted; repetitions and what is not finite are left out.
    package init(_ bounds: [Double]) {
        upperBounds = Set(bounds.filter(\.isFinite)).sorted()
    }

    /// From half a millisecond to ten seconds: what a reading takes from a device to a browser, and an HTTP request.
    package static let seconds = HistogramBuckets(
        [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])

    /// From 1 to a million, three a decade: batch sizes, bytes, queue lengths.
    package static let counts = HistogramBuckets(
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000])

    /// The index of the bucket that `value` belongs to; the number of bounds when it is above all of them.
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
