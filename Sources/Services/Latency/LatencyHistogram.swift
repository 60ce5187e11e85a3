/// Durations counted in eight buckets to a power of two: percentiles at most 13 % too high and never too low, in one
/// kilobyte.
///
/// Covers 1 µs to about an hour; what is shorter or longer counts as that.
package struct LatencyHistogram: Sendable {
    /// Buckets to a power of two.
    private static let steps = 8
    private static let maxMicroseconds: UInt64 = (1 << 32) - 1

    private var counts = [UInt32](repeating: 0, count: 31 * steps)
    package private(set) var count = 0
    /// The longest, in microseconds.
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

    /// The duration that `share` of all are not longer than, in milliseconds; 0 when there are none.
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
        // Below 8 µs every microsecond has a bucket of its own.
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
