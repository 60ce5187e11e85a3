/// How long a device usually is quiet, by the last intervals between readings of the same metrics.
///
/// Intervals are those of one metric set each, so that a device that sends four metrics in four messages every ten
/// minutes counts as one that speaks every ten minutes. The median, because a few gaps make no habit.
struct IntervalEstimate: Sendable {
    /// How many intervals are kept.
    static let capacity = 9
    /// With fewer nothing counts as a habit yet.
    private static let minimumCount = 2
    /// How many of its usual intervals a device may miss before it counts as silent.
    private static let factor: Int64 = 3

    private var intervals: [Int64] = []
    private var oldest = 0

    /// Takes an interval in nanoseconds; none that is not positive, because messages of one batch were received at
    /// one instant and tell nothing of the device's pace.
    mutating func record(_ interval: Int64) {
        guard interval > 0 else { return }
        guard intervals.count == Self.capacity else {
            intervals.append(interval)
            return
        }
        intervals[oldest] = interval
        oldest = (oldest + 1) % Self.capacity
    }

    /// The nanoseconds for which the device may be silent: three of its median intervals, and `base` at least.
    func allowance(atLeast base: Int64) -> Int64 {
        guard intervals.count >= Self.minimumCount else { return base }
        // Most devices speak often, and this runs for every reading: only those that do not need the exact median.
        let longCount = intervals.count { $0 > base / Self.factor }
        guard longCount * 2 > intervals.count else { return base }
        let median = intervals.sorted()[(intervals.count - 1) / 2]
        let (product, overflow) = median.multipliedReportingOverflow(by: Self.factor)
        return overflow ? .max : max(base, product)
    }
}
