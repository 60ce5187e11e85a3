import Foundation
import GRDB
package import Telemetry

extension StorageTransaction {
    /// Adds a message to a room's history and returns its offset. The room is made with its first message.
    ///
    /// - Throws: `SQLITE_CONSTRAINT` for a room that has given out its last offset, or whose offset is damaged.
    package func append(
        to room: String, messageID: String, type: String, payload: [UInt8], at now: Timestamp
    ) throws -> Int64 {
        guard
            let row = try snapshot.row(
                """
                INSERT INTO room (name, last_offset) VALUES (?, 1)
                ON CONFLICT (name) DO UPDATE SET last_offset = last_offset + 1 WHERE last_offset < ?
                RETURNING id, last_offset
                """, [room, StoredMessage.maxOffset])
        else {
            throw DatabaseError(
                resultCode: .SQLITE_CONSTRAINT,
                message: "the room \(room) has no offset left; the last one is \(StoredMessage.maxOffset)")
        }
        let id: Int64 = try row.value(0)
        let offset: Int64 = try row.value(1)
        try run(
            """
            INSERT INTO message (room_id, offset, message_id, type, payload, created_at) VALUES (?, ?, ?, ?, ?, ?)
            """, [id, offset, messageID, type, Data(payload), now.nanosecondsSinceEpoch])
        return offset
    }

    /// Removes all but the latest `count` messages of a room.
    package func trim(_ room: String, toLatest count: Int) throws {
        try run(
            """
            DELETE FROM message WHERE room_id = (SELECT id FROM room WHERE name = ?)
            AND offset <= (SELECT last_offset FROM room WHERE name = ?) - ?
            """, [room, room, count])
    }

    /// Removes up to `limit` messages that are older than `cutoff`; returns how many went.
    package func removeMessages(before cutoff: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM message WHERE (room_id, offset) IN
            (SELECT room_id, offset FROM message WHERE created_at < ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }

    /// Remembers that a key was used for a message.
    package func remember(_ key: IdempotencyKey, messageID: String, offset: Int64, at now: Timestamp) throws {
        try run(
            """
            INSERT OR REPLACE INTO idempotency (user, scope, key, message_id, offset, content_digest, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [key.user, key.scope, key.key, messageID, offset, Data(key.contentDigest), now.nanosecondsSinceEpoch])
    }

    /// Forgets up to `limit` keys that were used before `cutoff`; returns how many went.
    package func forgetKeys(before cutoff: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM idempotency WHERE (user, scope, key) IN
            (SELECT user, scope, key FROM idempotency WHERE created_at < ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}
