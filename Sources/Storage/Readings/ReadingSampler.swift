package import Core

/// A sampler that reduces any number of values to at most `maxPoints` points: the values themselves if they fit,
/// otherwise one bucket for each part of the range that has values.
///
/// Values can be added in any order of time, but must be in the range. Memory use is bounded by the number of points.
package struct ReadingSampler: Sendable {
    /// One part of the range.
    package struct Bucket: Sendable, Equatable {
        /// The beginning of the bucket.
        package var start: Timestamp
        package var minimum: Double
        package var average: Double
        package var maximum: Double
        /// The number of values; never 0.
        package var count: Int
    }

    /// The result of sampling.
    package enum Points: Sendable, Equatable {
        /// All values, by time.
        case values([(time: Timestamp, value: Double)])
        /// The non-empty buckets, by time. Each covers a period of length `width`.
        case buckets([Bucket], width: Duration)

        package static func == (lhs: Points, rhs: Points) -> Bool {
            switch (lhs, rhs) {
            case (.values(let left), .values(let right)): left.elementsEqual(right, by: ==)
            case (.buckets(let left, let width), .buckets(let right, let other)): left == right && width == other
            default: false
            }
        }
    }

    private struct Sums {
        var minimum = Double.infinity
        var maximum = -Double.infinity
        var sum = 0.0
        var count = 0
    }

    private let start: Int64
    private let width: UInt64
    private let maxPoints: Int
    private var values: [(time: Int64, value: Double)] = []
    private var buckets: [Sums] = []

    /// Creates a sampler without values.
    ///
    /// - Parameters:
    ///   - range: Half open; never empty.
    ///   - maxPoints: At least 1.
    package init(range: Range<Timestamp>, maxPoints: Int) {
        start = range.lowerBound.nanosecondsSinceEpoch
        self.maxPoints = max(1, maxPoints)
        let length = UInt64(bitPattern: range.upperBound.nanosecondsSinceEpoch &- start)
        let (quotient, rest) = length.quotientAndRemainder(dividingBy: UInt64(self.maxPoints))
        width = max(1, rest == 0 ? quotient : quotient + 1)
    }

    /// Adds a value. Its time, in nanoseconds since the epoch, must be in the range.
    package mutating func add(_ time: Int64, _ value: Double) {
        if buckets.isEmpty {
            values.append((time, value))
            if values.count > maxPoints { spill() }
        } else {
            count(time, value)
        }
    }

    /// Returns the points for all values added so far.
    package func points() -> Points {
        if buckets.isEmpty {
            let sorted = values.sorted { $0.time < $1.time }
            return .values(sorted.map { (Timestamp(nanosecondsSinceEpoch: $0.time), $0.value) })
        }
        let filled = buckets.enumerated().compactMap { index, sums -> Bucket? in
            guard sums.count > 0 else { return nil }
            return Bucket(
                start: Timestamp(nanosecondsSinceEpoch: start &+ Int64(bitPattern: UInt64(index) &* width)),
                minimum: sums.minimum,
                average: min(max(sums.sum / Double(sums.count), sums.minimum), sums.maximum), maximum: sums.maximum,
                count: sums.count)
        }
        return .buckets(filled, width: .nanoseconds(Int64(clamping: width)))
    }

    private mutating func spill() {
        buckets = [Sums](repeating: Sums(), count: maxPoints)
        for (time, value) in values { count(time, value) }
        values = []
    }

    private mutating func count(_ time: Int64, _ value: Double) {
        // Unsigned, because ranges across the epoch may exceed a signed difference.
        let index = Int(clamping: UInt64(bitPattern: time &- start) / width)
        guard buckets.indices.contains(index) else { return }
        buckets[index].minimum = min(buckets[index].minimum, value)
        buckets[index].maximum = max(buckets[index].maximum, value)
        buckets[index].sum += value
        buckets[index].count += 1
    }
}
