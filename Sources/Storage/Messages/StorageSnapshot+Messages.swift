import GRDB
package import Telemetry

extension StorageSnapshot {
    /// The offset of a room's last message; 0 for a room in which nobody has spoken.
    package func lastOffset(of room: String) throws -> Int64 {
        try row("SELECT last_offset FROM room WHERE name = ?", [room])?.value(0) ?? 0
    }

    /// How many rooms have a history.
    package func roomCount() throws -> Int {
        try row("SELECT count(*) FROM room")?[0] ?? 0
    }

    /// Whether the room has a history.
    package func hasRoom(_ room: String) throws -> Bool {
        try row("SELECT 1 FROM room WHERE name = ?", [room]) != nil
    }

    /// The first `limit` messages after `offset`, ascending.
    package func messages(in room: String, after offset: Int64, limit: Int) throws -> [StoredMessage] {
        try rows(
            """
            SELECT \(StoredMessage.columns) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset > ? ORDER BY offset LIMIT ?
            """, [room, offset, limit]
        ).map(StoredMessage.init)
    }

    /// The last `limit` messages before `offset`, ascending.
    package func messages(in room: String, before offset: Int64, limit: Int) throws -> [StoredMessage] {
        try rows(
            """
            SELECT \(StoredMessage.columns) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset < ? ORDER BY offset DESC LIMIT ?
            """, [room, offset, limit]
        ).reversed().map(StoredMessage.init)
    }

    /// What is known of a key that was used after `cutoff`.
    package func finding(for key: IdempotencyKey, since cutoff: Timestamp) throws -> IdempotencyKey.Finding {
        guard
            let row = try row(
                """
                SELECT message_id, offset, content_digest FROM idempotency
                WHERE user = ? AND scope = ? AND key = ? AND created_at >= ?
                """, [key.user, key.scope, key.key, cutoff.nanosecondsSinceEpoch])
        else { return .unused }
        let digest = try row.withUnsafeData(atIndex: 2) { $0.map(Array.init) ?? [] }
        return digest == key.contentDigest ? .used(messageID: try row.value(0), offset: try row.value(1)) : .conflict
    }
}
