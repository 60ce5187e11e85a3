package import Core
import GRDB

/// A chart of several series in one time range, computed in slices. Each slice is read from a snapshot of its own, so
/// that a long range does not delay checkpoints and other work can run in between.
package struct ReadingChart: Sendable {
    /// A series with its points.
    package typealias Line = (series: StoredSeries, points: ReadingSampler.Points)

    /// The completed series, in the order in which they were requested.
    package private(set) var lines: [Line] = []
    private var rest: ArraySlice<StoredSeries>
    private let range: Range<Timestamp>
    private let maxPoints: Int
    /// The sampler of the first incomplete series.
    private var sampler: ReadingSampler
    private var last: ReadingCursor?

    /// Creates a chart that has read nothing yet.
    ///
    /// - Parameter maxPoints: The maximum number of points per series.
    package init(of series: [StoredSeries], in range: Range<Timestamp>, maxPoints: Int) {
        rest = series[...]
        self.range = range
        self.maxPoints = maxPoints
        sampler = ReadingSampler(range: range, maxPoints: maxPoints)
    }

    /// True when ``lines`` contains every series.
    package var isFinished: Bool { rest.isEmpty }

    /// Continues where the previous slice ended, with at most `limit` values.
    package mutating func read(_ limit: Int, from snapshot: StorageSnapshot) throws {
        var left = limit
        while left > 0, let series = rest.first {
            let (count, cursor) = try snapshot.sample(series.id, in: range, after: last, limit: left, into: &sampler)
            left -= count
            last = cursor
            guard cursor == nil else { return }
            lines.append((series, sampler.points()))
            sampler = ReadingSampler(range: range, maxPoints: maxPoints)
            rest.removeFirst()
        }
    }
}

/// The last value that a long read of a series has reached; the next slice continues after it.
package struct ReadingCursor: Sendable, Equatable {
    package var time: Timestamp
    /// The value's sequence number, which distinguishes values with equal times.
    package var sequence: Int64
}

extension StorageSnapshot {
    /// Adds the values of a series in a range to `sampler`, at most `limit` of those after `last`.
    ///
    /// - Returns: The number of values added, and the cursor after which to continue; `nil` if the series is complete.
    func sample(
        _ series: Int64, in range: Range<Timestamp>, after last: ReadingCursor?, limit: Int,
        into sampler: inout ReadingSampler
    ) throws -> (count: Int, last: ReadingCursor?) {
        // A read from the beginning of the range needs one comparison per row less. Nearly all charts need only this
        // one.
        let select = try BoundStatement(
            last == nil
                ? "SELECT time, value FROM reading WHERE series_id = ?1 AND time >= ?2 AND time < ?3"
                : """
                SELECT time, value FROM reading
                WHERE series_id = ?1 AND (time, sequence) > (?2, ?4) AND time < ?3 ORDER BY time, sequence
                """, in: database)
        defer { select.reset() }
        select.bind(1, series)
        select.bind(2, (last?.time ?? range.lowerBound).nanosecondsSinceEpoch)
        select.bind(3, range.upperBound.nanosecondsSinceEpoch)
        if let last { select.bind(4, last.sequence) }
        var count = 0
        var instant = Int64.min
        // The number of values read so far with the latest time.
        var equals = 0
        while try select.step() {
            let time = select.integer(0)
            sampler.add(time, select.real(1))
            count += 1
            equals = time == instant ? equals + 1 : 1
            instant = time
            if count == limit { return (count, try cursor(equals, at: instant, of: series, after: last)) }
        }
        return (count, nil)
    }

    /// Returns the cursor at the `number`th value (from 1) of those that have the time `instant` and follow `last`.
    private func cursor(
        _ number: Int, at instant: Int64, of series: Int64, after last: ReadingCursor?
    ) throws -> ReadingCursor? {
        let time = Timestamp(nanosecondsSinceEpoch: instant)
        let row = try row(
            """
            SELECT sequence FROM reading WHERE series_id = ? AND time = ? AND sequence > ?
            ORDER BY sequence LIMIT 1 OFFSET ?
            """, [series, instant, last?.time == time ? last?.sequence : Int64.min, number - 1])
        return row.map { ReadingCursor(time: time, sequence: $0[0]) }
    }
}
