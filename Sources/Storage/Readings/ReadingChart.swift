package import Telemetry

/// Points of several series in one range, made slice by slice: each from a snapshot of its own, so that a long range
/// keeps nobody from emptying the log, and others get their turn between.
package struct ReadingChart: Sendable {
    /// A series with what there is to show of it.
    package typealias Line = (series: StoredSeries, points: ReadingSampler.Points)

    /// The series that are done, in the order in which they were asked for.
    package private(set) var lines: [Line] = []
    private var rest: ArraySlice<StoredSeries>
    private let range: Range<Timestamp>
    private let maxPoints: Int
    /// Of the first series that is not done.
    private var sampler: ReadingSampler
    private var last: ReadingPlace?

    /// - Parameter maxPoints: of each series.
    package init(of series: [StoredSeries], in range: Range<Timestamp>, maxPoints: Int) {
        rest = series[...]
        self.range = range
        self.maxPoints = maxPoints
        sampler = ReadingSampler(range: range, maxPoints: maxPoints)
    }

    /// Whether ``lines`` has every series.
    package var isFinished: Bool { rest.isEmpty }

    /// Goes on where the slice before has ended, with at most `limit` values.
    package mutating func read(_ limit: Int, from snapshot: StorageSnapshot) throws {
        var left = limit
        while left > 0, let series = rest.first {
            let (count, place) = try snapshot.sample(series.id, in: range, after: last, limit: left, into: &sampler)
            left -= count
            last = place
            guard place == nil else { return }
            lines.append((series, sampler.points()))
            sampler = ReadingSampler(range: range, maxPoints: maxPoints)
            rest.removeFirst()
        }
    }
}
