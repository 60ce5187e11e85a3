import GRDB
package import Telemetry

extension StorageSnapshot {
    /// All series of a device, in whatever rooms, by metric.
    package func series(of device: String) throws -> [StoredSeries] {
        try rows(
            "SELECT \(StoredSeries.columns) FROM series WHERE device = ? ORDER BY metric, unit, room", [device]
        ).map(StoredSeries.init)
    }

    /// Series by number, those after `id`: for going through all of them.
    package func series(after id: Int64, limit: Int) throws -> [StoredSeries] {
        try rows("SELECT \(StoredSeries.columns) FROM series WHERE id > ? ORDER BY id LIMIT ?", [id, limit])
            .map(StoredSeries.init)
    }

    /// The next values of several series in a range, by time: about `limit` of them, and at least one while there are
    /// any.
    ///
    /// A long answer is made page by page, each from a snapshot of its own, so that no reader keeps the log from being
    /// emptied while somebody downloads slowly.
    ///
    /// - Parameter last: the last value of the page before.
    package func values(
        of series: [Int64], in range: Range<Timestamp>, after last: StoredValue?, limit: Int
    ) throws -> [StoredValue] {
        let portion = max(16, limit / max(1, series.count))
        var found: [StoredValue] = []
        // Up to here all series are complete.
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
            // Of the same reading, series that come later in the order are still to be told.
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

    /// Devices that were ever heard, by room and name: those after `last`.
    package func devices(after last: StoredDevice? = nil, limit: Int) throws -> [StoredDevice] {
        try devices(afterRoom: last?.room ?? "", name: last?.name ?? "", limit: limit)
    }

    /// Devices that were ever heard, by room and name: those after that place.
    package func devices(afterRoom room: String, name: String, limit: Int) throws -> [StoredDevice] {
        try rows(
            "\(StoredDevice.select) WHERE (room, name) > (?, ?) ORDER BY room, name LIMIT ?", [room, name, limit]
        ).map(StoredDevice.init)
    }

    /// The last instant at which a device or a user was heard; nil when none ever was.
    package func latestInstant() throws -> Timestamp? {
        let latest: Int64? = try row(
            "SELECT max(last) FROM (SELECT max(last_seen) AS last FROM device UNION ALL SELECT max(last_seen) FROM user)"
        )?
        .optional(0)
        return latest.map(Timestamp.init(nanosecondsSinceEpoch:))
    }

    /// Devices of which nothing is stored any more and that were silent since `cutoff`, by room and name: those after
    /// `last`.
    package func forgottenDevices(
        silentSince cutoff: Timestamp, after last: StoredDevice?, limit: Int
    ) throws -> [StoredDevice] {
        try rows(
            """
            \(StoredDevice.select) WHERE (room, name) > (?, ?) AND last_seen < ?
            AND NOT EXISTS (SELECT 1 FROM series WHERE series.device = device.name AND series.room = device.room)
            ORDER BY room, name LIMIT ?
            """, [last?.room ?? "", last?.name ?? "", cutoff.nanosecondsSinceEpoch, limit]
        ).map(StoredDevice.init)
    }

    /// Of the next `limit` series after `id` those that have readings older than `cutoff`, or none at all; and the last
    /// series that was looked at, nil when there are none after `id`.
    package func agedSeries(
        before cutoff: Timestamp, after id: Int64, limit: Int
    ) throws -> (aged: [Int64], last: Int64?) {
        let found = try rows(
            """
            SELECT id, coalesce((SELECT min(time) FROM reading WHERE series_id = series.id), ?2) < ?3
            FROM series WHERE id > ?1 ORDER BY id LIMIT ?4
            """, [id, Int64.min, cutoff.nanosecondsSinceEpoch, limit])
        return (found.filter { $0[1] }.map { $0[0] }, found.last?[0])
    }

    /// The time of the oldest reading of all.
    package func oldestReading() throws -> Timestamp? {
        let oldest: Int64? = try row(
            "SELECT min((SELECT min(time) FROM reading WHERE series_id = series.id)) FROM series")?[0]
        return oldest.map(Timestamp.init(nanosecondsSinceEpoch:))
    }
}
