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

    /// Removes readings of one series that are older than `cutoff`, the oldest first, and little more than `limit` of
    /// them; returns how many went.
    package func removeReadings(of series: Int64, before cutoff: Timestamp, limit: Int) throws -> Int {
        let boundary: Int64? = try snapshot.row(
            "SELECT time FROM reading WHERE series_id = ? ORDER BY time LIMIT 1 OFFSET ?", [series, limit - 1])?[0]
        let last = min(boundary ?? .max, cutoff.nanosecondsSinceEpoch - 1)
        try run("DELETE FROM reading WHERE series_id = ? AND time <= ?", [series, last])
        return database.changesCount
    }

    /// Removes a series without readings, and its device when that was its last one and it was silent since `cutoff`.
    ///
    /// - Returns: whether the series is gone.
    package func removeSeriesIfEmpty(_ series: Int64, silentSince cutoff: Timestamp) throws -> Bool {
        try run(
            "DELETE FROM series WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM reading WHERE series_id = ?1)", [series])
        guard database.changesCount > 0 else { return false }
        try run(
            """
            DELETE FROM device WHERE last_seen < ? AND NOT EXISTS
            (SELECT 1 FROM series WHERE series.device = device.name AND series.room = device.room)
            """, [cutoff.nanosecondsSinceEpoch])
        return true
    }
}
