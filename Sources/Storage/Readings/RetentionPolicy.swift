package import Core
import GRDB

/// The limits on stored readings. Beyond them, the oldest readings are deleted.
package struct RetentionPolicy: Sendable, Equatable {
    /// The maximum age of readings, by their own time.
    package var maxAge: Duration
    /// The maximum bytes of the database's content, above which readings are deleted.
    package var maxBytes: Int64

    package init(maxAge: Duration = .seconds(90 * 86_400), maxBytes: Int64 = 10 << 30) {
        self.maxAge = maxAge
        self.maxBytes = maxBytes
    }

    /// The divisor for the part of ``maxBytes`` that is freed once the limit is exceeded: one twentieth. If less were
    /// freed, nearly every reading would cause a deletion.
    private static let share: Int64 = 20
    /// The minimum period, in nanoseconds, whose readings are deleted in one step when the database is too large.
    private static let minimumStep: Int64 = 60_000_000_000

    /// Returns the time before which readings are deleted because of their age.
    package func cutoff(at now: Timestamp) -> Timestamp { now.advanced(by: .zero - maxAge) }

    /// Returns true if readings must be deleted because the database is too large.
    package func isExceeded(by byteCount: Int64) -> Bool { byteCount > maxBytes }

    /// Returns true if enough space has been freed, so that deleting can stop.
    package func isSatisfied(by byteCount: Int64) -> Bool { byteCount <= maxBytes - maxBytes / Self.share }

    /// Returns the time before which readings are deleted in the next step when the database is too large. A step
    /// covers a sixty-fourth of the time since the oldest reading, and at least a minute.
    package func sizeCutoff(oldest: Timestamp, at now: Timestamp) -> Timestamp {
        let span = max(0, now.nanosecondsSinceEpoch - oldest.nanosecondsSinceEpoch)
        return oldest.advanced(by: .nanoseconds(max(Self.minimumStep, span / 64)))
    }
}

extension StorageSnapshot {
    /// Examines the next `limit` series after `id`. Returns as `aged` those that have readings older than `cutoff` or
    /// no readings, and as `last` the last series examined; `nil` if no series follows `id`.
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

    /// Returns the time of the oldest reading, or `nil` if there is none.
    package func oldestReading() throws -> Timestamp? {
        let oldest: Int64? = try row(
            "SELECT min((SELECT min(time) FROM reading WHERE series_id = series.id)) FROM series")?[0]
        return oldest.map(Timestamp.init(nanosecondsSinceEpoch:))
    }

    /// Returns devices after `last`, by room and name, that have no stored readings and have been silent since
    /// `cutoff`.
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
}

extension StorageTransaction {
    /// Deletes up to `limit` readings of a series that are older than `cutoff`, oldest first. The limit also holds when
    /// all of them have the same time. Returns the number deleted.
    package func removeReadings(of series: Int64, before cutoff: Timestamp, limit: Int) throws -> Int {
        let last = try snapshot.row(
            "SELECT time, sequence FROM reading WHERE series_id = ? ORDER BY time, sequence LIMIT 1 OFFSET ?",
            [series, limit - 1])
        if let last, last[0] < cutoff.nanosecondsSinceEpoch {
            try run(
                "DELETE FROM reading WHERE series_id = ? AND (time, sequence) <= (?, ?)",
                [series, last[0] as Int64, last[1] as Int64])
        } else {
            try run("DELETE FROM reading WHERE series_id = ? AND time < ?", [series, cutoff.nanosecondsSinceEpoch])
        }
        return database.changesCount
    }

    /// Deletes a series without readings. Returns true when it was deleted.
    package func removeSeriesIfEmpty(_ series: Int64) throws -> Bool {
        try run(
            "DELETE FROM series WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM reading WHERE series_id = ?1)", [series])
        return database.changesCount > 0
    }

    /// Deletes a device that has no series and has been silent since `cutoff`. Returns true when it was deleted.
    package func removeDeviceIfForgotten(
        _ device: String, in room: String, silentSince cutoff: Timestamp
    ) throws -> Bool {
        try run(
            """
            DELETE FROM device WHERE room = ?1 AND name = ?2 AND last_seen < ?3
            AND NOT EXISTS (SELECT 1 FROM series WHERE series.device = ?2 AND series.room = ?1)
            """, [room, device, cutoff.nanosecondsSinceEpoch])
        return database.changesCount > 0
    }
}
