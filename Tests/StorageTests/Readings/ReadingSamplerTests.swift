import Core
import Testing

@testable import Storage

/// Series that fit are returned unchanged. Larger ones are reduced to buckets that keep every extreme.
@Suite("Points of a chart")
struct ReadingSamplerTests {
    private static func sampler(_ values: [(Int64, Double)], in range: Range<Int64>, points: Int) -> ReadingSampler {
        var sampler = ReadingSampler(range: at(range.lowerBound)..<at(range.upperBound), maxPoints: points)
        for (time, value) in values { sampler.add(at(time).nanosecondsSinceEpoch, value) }
        return sampler
    }

    @Test("Values that fit the number of points are returned unchanged, by time")
    func values() {
        let sampler = Self.sampler([(3, 30), (1, 10), (2, 20)], in: 0..<10, points: 3)
        #expect(sampler.points() == .values([(at(1), 10), (at(2), 20), (at(3), 30)]))
    }

    @Test("One value more gives a bucket for each non-empty part of the range")
    func buckets() {
        let sampler = Self.sampler([(0, 4), (1, 8), (9, 1), (9, 3)], in: 0..<10, points: 3)
        #expect(
            sampler.points()
                == .buckets(
                    [
                        .init(start: at(0), minimum: 4, average: 6, maximum: 8, count: 2),
                        .init(
                            start: Timestamp(nanosecondsSinceEpoch: 6_666_666_668), minimum: 1, average: 2, maximum: 3,
                            count: 2),
                    ], width: .nanoseconds(3_333_333_334)))
    }

    @Test(
        "The points never exceed the requested number, and cover every value",
        arguments: [(1, 7), (7, 7), (7, 100), (100, 101), (999, 1000)])
    func bounds(points: Int, count: Int64) {
        let values = (0..<count).map { ($0, Double($0)) }
        switch Self.sampler(values, in: 0..<count, points: points).points() {
        case .values(let values): #expect(values.count <= points && Int64(values.count) == count)
        case .buckets(let buckets, _):
            #expect(buckets.count <= points)
            #expect(Int64(buckets.reduce(0) { $0 + $1.count }) == count)
            #expect(buckets.first?.minimum == 0 && buckets.last?.maximum == Double(count - 1))
            #expect(buckets.allSatisfy { $0.minimum <= $0.average && $0.average <= $0.maximum })
        }
    }

    @Test("The widest possible range is handled")
    func extremes() {
        let range = Timestamp(nanosecondsSinceEpoch: .min)..<Timestamp(nanosecondsSinceEpoch: .max)
        var sampler = ReadingSampler(range: range, maxPoints: 2)
        for time in [Int64.min, 0, Int64.max - 1] { sampler.add(time, 1) }
        guard case .buckets(let buckets, _) = sampler.points() else {
            Issue.record("3 values in 2 points are buckets")
            return
        }
        #expect(buckets.map(\.count).reduce(0, +) == 3)
    }
}
