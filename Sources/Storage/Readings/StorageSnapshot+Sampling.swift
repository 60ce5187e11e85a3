import GRDB
import Telemetry

extension StorageSnapshot {
    /// Gives `sampler` the values of a series in a range that follow `last`, at most `limit` of them.
    ///
    /// - Returns: how many there were, and after which one to go on; `nil` when that was all.
    func sample(
        _ series: Int64, in range: Range<Timestamp>, after last: ReadingPlace?, limit: Int,
        into sampler: inout ReadingSampler
    ) throws -> (count: Int, last: ReadingPlace?) {
        // The way to the beginning of a range has one comparison a row less: nearly all charts need no other.
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
        // Values of the latest instant.
        var equals = 0
        while try select.step() {
            let time = select.integer(0)
            sampler.add(time, select.real(1))
            count += 1
            equals = time == instant ? equals + 1 : 1
            instant = time
            if count == limit { return (count, try place(equals, at: instant, of: series, after: last)) }
        }
        return (count, nil)
    }

    /// The place of the `number`th value of that instant, from 1, of those after `last`.
    private func place(
        _ number: Int, at instant: Int64, of series: Int64, after last: ReadingPlace?
    ) throws -> ReadingPlace? {
        let time = Timestamp(nanosecondsSinceEpoch: instant)
        let row = try row(
            """
            SELECT sequence FROM reading WHERE series_id = ? AND time = ? AND sequence > ?
            ORDER BY sequence LIMIT 1 OFFSET ?
            """, [series, instant, last?.time == time ? last?.sequence : Int64.min, number - 1])
        return row.map { ReadingPlace(time: time, sequence: $0[0]) }
    }
}
