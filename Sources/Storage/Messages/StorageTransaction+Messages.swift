import Foundation
import GRDB
package import Telemetry

extension StorageTransaction {
    /// Adds a message to a room's history and returns its offset. The room is made with its first message; one that was
    /// removed goes on from where it ended.
    ///
    /// - Parameters:
    ///   - owner: The user whose room it is if this makes it; empty for nobody.
    ///   - notifier: The user who sends a notification that makes the inbox of somebody who has never been here; empty for
    ///     nobody.
    /// - Throws: `SQLITE_CONSTRAINT` for a room that has given out its last offset, or whose offset is damaged.
    package func append(
        to room: String, messageID: String, type: String, payload: [UInt8], at now: Timestamp, owner: String = "",
        notifier: String = ""
    ) throws -> Int64 {
        guard
            let row = try snapshot.row(
                """
                INSERT INTO room (name, last_offset, owner, notifier, created_at, used_at)
                VALUES (?1, min(\(Schema.roomBeginning), ?4 - 1) + 1, ?2, ?5, ?3, ?3)
                ON CONFLICT (name) DO UPDATE SET last_offset = last_offset + 1, used_at = excluded.used_at
                WHERE last_offset < ?4
                RETURNING id, last_offset
                """, [room, owner, now.nanosecondsSinceEpoch, StoredMessage.maxOffset, notifier])
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

    /// Removes all but the latest `count` messages of a room, the oldest first and up to `limit` of them.
    package func trim(_ room: String, toLatest count: Int, limit: Int = 1000) throws {
        try run(
            """
            DELETE FROM message WHERE (room_id, offset) IN (
                SELECT room_id, offset FROM message JOIN room ON room.id = room_id
                WHERE name = ? AND offset <= last_offset - ? ORDER BY offset LIMIT ?)
            """, [room, count, limit])
    }

    /// Removes the oldest messages of the room that takes the most bytes, as far as all rooms together take more than
    /// `maxBytes`; up to `limit` messages. Returns how many went.
    ///
    /// The largest room loses until it is a little smaller than the second largest: large rooms shrink towards one size,
    /// and rooms below it keep everything.
    package func trimLargestRoom(above maxBytes: Int, limit: Int) throws -> Int {
        let excess = try snapshot.messageByteCount() - maxBytes
        guard let (room, loss) = try largest("id", of: "room", excess: excess) else { return 0 }
        let oldest = try snapshot.rows(
            "SELECT \(Schema.messageBytes), offset FROM message WHERE room_id = ? ORDER BY offset LIMIT ?",
            [room, limit])
        guard let end = last(of: oldest, freeing: loss) else { return 0 }
        try run("DELETE FROM message WHERE room_id = ? AND offset <= ?", [room, end[1] as Int64])
        return database.changesCount
    }

    /// The row of a table that has the most `bytes`, and how many of them it has to lose when all rows together have
    /// `excess` too many: until it is a little smaller than the second largest.
    func largest(_ key: String, of table: String, excess: Int) throws -> (key: DatabaseValue, loss: Int)? {
        guard excess > 0 else { return nil }
        let rows = try snapshot.rows("SELECT \(key), bytes FROM \(table) ORDER BY bytes DESC LIMIT 2")
        guard let largest = rows.first else { return nil }
        let bytes: Int = largest[1]
        let next: Int = rows.count > 1 ? rows[1][1] : 0
        return (largest[0], min(excess, max(bytes - next, bytes / 16)))
    }

    /// The last of the oldest rows that have to go to free `byteCount` bytes. The first column of each is its bytes.
    func last(of oldest: [Row], freeing byteCount: Int) -> Row? {
        var freed = 0
        var last: Row?
        for row in oldest where freed < byteCount {
            freed += row[0] as Int
            last = row
        }
        return last
    }

    /// Removes up to `limit` rooms without messages in which nobody has spoken since `cutoff`; returns how many went.
    ///
    /// - Parameter remembered: The number of removals whose rooms go on from where they ended. Older ones are forgotten,
    ///   and rooms of which nothing is known begin above the offsets of those.
    package func removeIdleRooms(before cutoff: Timestamp, limit: Int, remembered: Int) throws -> Int {
        try run(
            """
            DELETE FROM room WHERE id IN (SELECT id FROM room WHERE messages = 0 AND used_at < ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, limit])
        let removed = database.changesCount
        let forgotten = try snapshot.row(
            """
            SELECT max(number), max(last_offset) FROM (
                SELECT number, last_offset FROM removed_room
                WHERE number <= (SELECT max(number) FROM removed_room) - ? ORDER BY number LIMIT ?)
            """, [remembered, 2 * limit])
        if let forgotten, let number: Int64 = forgotten[0], let offset: Int64 = forgotten[1] {
            try run("UPDATE counter SET value = max(value, ?) WHERE name = 'room_floor'", [offset])
            try run("DELETE FROM removed_room WHERE number <= ?", [number])
        }
        return removed
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

    /// Remembers that a key was used for a message, and forgets that user's oldest above `maxPerUser`: a few at a time,
    /// so that many take many writes.
    package func remember(
        _ key: IdempotencyKey, messageID: String, offset: Int64, at now: Timestamp, maxPerUser: Int
    ) throws {
        let last: Int64 =
            try snapshot.row("SELECT max(number) FROM idempotency WHERE user = ?", [key.user])?.optional(0) ?? 0
        try run(
            """
            INSERT OR REPLACE INTO idempotency
                (user, scope, key, message_id, offset, content_digest, created_at, number)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                key.user, key.scope, key.key, messageID, offset, Data(key.contentDigest), now.nanosecondsSinceEpoch,
                last + 1,
            ])
        try run(
            """
            DELETE FROM idempotency WHERE (user, scope, key) IN (
                SELECT user, scope, key FROM idempotency WHERE user = ? AND number <= ? ORDER BY number LIMIT 8)
            """, [key.user, last + 1 - Int64(maxPerUser)])
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
