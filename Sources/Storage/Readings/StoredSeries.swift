package import Core
import GRDB

/// The values of one metric of one device in one unit: one line of a chart.
package struct StoredSeries: Sendable, Hashable {
    /// The id within this database.
    package var id: Int64
    package var device: String
    /// The room into which the device's readings are streamed.
    package var room: String
    package var metric: String
    /// `nil` when the device sent no unit.
    package var unit: String?

    package init(id: Int64, device: String, room: String, metric: String, unit: String?) {
        self.id = id
        self.device = device
        self.room = room
        self.metric = metric
        self.unit = unit
    }

    static let columns = "id, device, room, metric, unit"

    init(_ row: Row) throws {
        id = try row.value(0)
        device = try row.value(1)
        room = try row.value(2)
        metric = try row.value(3)
        let unit: String = try row.value(4)
        self.unit = unit.isEmpty ? nil : unit
    }
}

/// One value of one series, with its position among all values.
package struct StoredValue: Sendable, Equatable {
    /// The ``StoredSeries/id``.
    package var series: Int64
    package var time: Timestamp
    /// The sequence number of the reading, in the order of storage. All metrics of one reading have the same number.
    package var sequence: Int64
    package var value: Double

    package init(series: Int64, time: Timestamp, sequence: Int64, value: Double) {
        self.series = series
        self.time = time
        self.sequence = sequence
        self.value = value
    }

    /// Returns true if `left` comes before `right` in a total order: by time, then by sequence number, then by series.
    static func precedes(_ left: StoredValue, _ right: StoredValue) -> Bool {
        (left.time, left.sequence, left.series) < (right.time, right.sequence, right.series)
    }
}

extension StorageSnapshot {
    /// Returns all series of a device, in all rooms, by metric.
    package func series(of device: String) throws -> [StoredSeries] {
        try rows(
            "SELECT \(StoredSeries.columns) FROM series WHERE device = ? ORDER BY metric, unit, room", [device]
        ).map(StoredSeries.init)
    }

    /// Returns the series after `id`, by id, for iterating over all of them.
    package func series(after id: Int64, limit: Int) throws -> [StoredSeries] {
        try rows("SELECT \(StoredSeries.columns) FROM series WHERE id > ? ORDER BY id LIMIT ?", [id, limit])
            .map(StoredSeries.init)
    }

    /// Returns the next values of several series in a range, by time: about `limit` of them, and at least one while
    /// there are any.
    ///
    /// A long answer is read page by page, each from a snapshot of its own, so that a slow download does not delay
    /// checkpoints.
    ///
    /// - Parameter last: The last value of the previous page.
    package func values(
        of series: [Int64], in range: Range<Timestamp>, after last: StoredValue?, limit: Int
    ) throws -> [StoredValue] {
        let portion = max(16, limit / max(1, series.count))
        var found: [StoredValue] = []
        // Up to this value, all series are complete.
        var horizon: StoredValue?
        for id in series {
            let values = try values(of: id, in: range, after: last, limit: portion)
            if values.count == portion, let end = values.last {
                if horizon.map({ StoredValue.precedes(end, $0) }) ?? true { horizon = end }
            }
            found += values
        }
        if series.count > 1 { found.sort(by: StoredValue.precedes) }
        guard let horizon else { return found }
        return found.filter { !StoredValue.precedes(horizon, $0) }
    }

    private func values(
        of series: Int64, in range: Range<Timestamp>, after last: StoredValue?, limit: Int
    ) throws -> [StoredValue] {
        let select = try BoundStatement(
            """
            SELECT time, sequence, value FROM reading
            WHERE series_id = ?1 AND (time, sequence) > (?2, ?3) AND time < ?4 ORDER BY time, sequence LIMIT ?5
            """, in: database)
        defer { select.reset() }
        select.bind(1, series)
        if let last {
            select.bind(2, last.time.nanosecondsSinceEpoch)
            // Later series of the same reading have not been returned yet.
            select.bind(3, series > last.series ? last.sequence - 1 : last.sequence)
        } else {
            select.bind(2, range.lowerBound.nanosecondsSinceEpoch)
            select.bind(3, Int64.min)
        }
        select.bind(4, range.upperBound.nanosecondsSinceEpoch)
        select.bind(5, Int64(limit))
        var values: [StoredValue] = []
        while try select.step() {
            values.append(
                StoredValue(
                    series: series, time: Timestamp(nanosecondsSinceEpoch: select.integer(0)),
                    sequence: select.integer(1), value: select.real(2)))
        }
        return values
    }

    /// Returns the latest value of a series, or `nil` if it has none.
    package func latestValue(of series: Int64) throws -> StoredValue? {
        try row(
            "SELECT time, sequence, value FROM reading WHERE series_id = ? ORDER BY time DESC, sequence DESC LIMIT 1",
            [series]
        ).map {
            StoredValue(
                series: series, time: Timestamp(nanosecondsSinceEpoch: $0[0]), sequence: $0[1], value: $0[2])
        }
    }

    /// Returns minimum, average and maximum for consecutive periods of length `partLength`, by time. Covers the latest
    /// `limit` values at or after `first`. Each bucket starts at its first value.
    package func extremes(
        of series: Int64, from first: Timestamp, partLength: Duration, limit: Int
    ) throws -> [ReadingSampler.Bucket] {
        let start = Timestamp(nanosecondsSinceEpoch: 0)
        let length = max(1, start.advanced(by: partLength).nanosecondsSinceEpoch)
        return try rows(
            """
            SELECT min(time), min(value), avg(value), max(value), count(*) FROM (
                SELECT time, value FROM reading WHERE series_id = ? AND time >= ?
                ORDER BY time DESC LIMIT ?)
            GROUP BY time / ? ORDER BY 1
            """,
            [series, first.nanosecondsSinceEpoch, limit, length]
        ).map {
            ReadingSampler.Bucket(
                start: Timestamp(nanosecondsSinceEpoch: $0[0]), minimum: $0[1], average: $0[2], maximum: $0[3],
                count: $0[4])
        }
    }
}
