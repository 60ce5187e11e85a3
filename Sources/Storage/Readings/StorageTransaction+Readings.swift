import GRDB
package import Telemetry

extension StorageTransaction {
    /// Takes `count` numbers of a counter; returns the first of them. The first of all is 1.
    func next(_ counter: String, count: Int) throws -> Int64 {
        let row = try snapshot.row(
            """
            INSERT INTO counter (name, value) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET value = value + ?2 RETURNING value
            """, [counter, count])
        return (row?[0] ?? Int64(count)) - Int64(count) + 1
    }

    /// Notes that a device was heard.
    package func markSeen(_ device: String, in room: String, at instant: Timestamp) throws {
        try run(
            """
            INSERT INTO device (room, name, first_seen, last_seen) VALUES (?1, ?2, ?3, ?3)
            ON CONFLICT (room, name) DO UPDATE
            SET first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)
            """, [room, device, instant.nanosecondsSinceEpoch])
    }

    /// Removes readings of one series that are older than `cutoff`, the oldest first and at most `limit` of them, also
    /// where all are of one instant; returns how many went.
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

    /// Removes a series without readings; returns whether it is gone.
    package func removeSeriesIfEmpty(_ series: Int64) throws -> Bool {
        try run(
            "DELETE FROM series WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM reading WHERE series_id = ?1)", [series])
        return database.changesCount > 0
    }

    /// Removes a device that has no series and was silent since `cutoff`; returns whether it is gone.
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
