package import Core
import Foundation
import GRDB

/// Rooms' histories: appends messages, and deletes old and excess ones.
extension StorageTransaction {
    /// Appends a message to a room's history and returns its offset. The first message creates the room. A room that
    /// was removed before continues after its last offset.
    ///
    /// - Parameters:
    ///   - owner: The owner of the room if this call creates it; `nil` for none.
    ///   - notifier: The user whose notification creates `room`, the inbox of a user who has never been connected;
    ///     otherwise `nil`.
    /// - Throws: `SQLITE_CONSTRAINT` when the room has reached the last offset, or its offset is damaged.
    package func append(
        to room: String, messageID: String, type: String, payload: [UInt8], at now: Timestamp, owner: UserID? = nil,
        notifier: UserID? = nil
    ) throws -> Int64 {
        guard
            let row = try snapshot.row(
                """
                INSERT INTO room (name, last_offset, owner, notifier, created_at, used_at)
                VALUES (?1, min(\(Schema.roomBeginning), ?4 - 1) + 1, ?2, ?5, ?3, ?3)
                ON CONFLICT (name) DO UPDATE SET last_offset = last_offset + 1, used_at = excluded.used_at
                WHERE last_offset < ?4
                RETURNING id, last_offset
                """,
                [
                    room, owner?.rawValue ?? "", now.nanosecondsSinceEpoch, StoredMessage.maxOffset,
                    notifier?.rawValue ?? "",
                ])
        else {
            throw DatabaseError(
                resultCode: .SQLITE_CONSTRAINT,
                message: "the room \(room) has no offsets left; the last one is \(StoredMessage.maxOffset)")
        }
        let id: Int64 = try row.value(0)
        let offset: Int64 = try row.value(1)
        try run(
            """
            INSERT INTO message (room_id, offset, message_id, type, payload, created_at) VALUES (?, ?, ?, ?, ?, ?)
            """, [id, offset, messageID, type, Data(payload), now.nanosecondsSinceEpoch])
        return offset
    }

    /// Deletes up to `limit` of a room's messages, oldest first, so that the latest `count` remain.
    package func trim(_ room: String, toLatest count: Int, limit: Int = 1000) throws {
        try run(
            """
            DELETE FROM message WHERE (room_id, offset) IN (
                SELECT room_id, offset FROM message JOIN room ON room.id = room_id
                WHERE name = ? AND offset <= last_offset - ? ORDER BY offset LIMIT ?)
            """, [room, count, limit])
    }

    /// Deletes up to `limit` of the oldest messages of the largest room while all rooms together use more than
    /// `maxBytes`. Returns the number deleted.
    ///
    /// The largest room shrinks until it is a little smaller than the second largest. Large rooms thus converge to one
    /// size, and smaller rooms keep everything.
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

    /// Returns the key of the row with the most `bytes` in a table, and the number of bytes to delete from it. This
    /// number makes it as small as the second largest row, or a sixteenth smaller if the two are close, but is at most
    /// `excess`. `nil` if nothing has to be deleted.
    func largest(_ key: String, of table: String, excess: Int) throws -> (key: DatabaseValue, loss: Int)? {
        guard excess > 0 else { return nil }
        let rows = try snapshot.rows("SELECT \(key), bytes FROM \(table) ORDER BY bytes DESC LIMIT 2")
        guard let largest = rows.first else { return nil }
        let bytes: Int = largest[1]
        let next: Int = rows.count > 1 ? rows[1][1] : 0
        return (largest[0], min(excess, max(bytes - next, bytes / 16)))
    }

    /// Returns the last of the rows that must be deleted to free `byteCount` bytes. The rows are ordered oldest first,
    /// and their first column is their size.
    func last(of oldest: [Row], freeing byteCount: Int) -> Row? {
        var freed = 0
        var last: Row?
        for row in oldest where freed < byteCount {
            freed += row[0] as Int
            last = row
        }
        return last
    }

    /// Removes up to `limit` rooms that have no messages and have been silent since `cutoff`. Returns the number
    /// removed.
    ///
    /// - Parameter remembered: The number of latest removals whose last offsets are kept. A room that is created again
    ///   continues after its last offset or, if that has been forgotten, after the highest forgotten one.
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

    /// Deletes up to `limit` messages older than `cutoff`. Returns the number deleted.
    package func removeMessages(before cutoff: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM message WHERE (room_id, offset) IN
            (SELECT room_id, offset FROM message WHERE created_at < ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}

extension StorageSnapshot {
    /// Returns the offset of a room's last message. For a room without a history, returns the offset that precedes its
    /// first message.
    package func lastOffset(of room: String) throws -> Int64 {
        try row("SELECT coalesce((SELECT last_offset FROM room WHERE name = ?1), \(Schema.roomBeginning))", [room])?
            .value(0) ?? 0
    }

    /// Returns the number of rooms with a history, except inboxes of users who have been connected or have only
    /// received notifications.
    package func roomCount() throws -> Int { try total("rooms") }

    /// Returns the number of rooms, at most `limit`, that a user created in that range and that still exist.
    package func roomCount(of owner: UserID, madeIn range: ClosedRange<Timestamp>, limit: Int) throws -> Int {
        try row(
            """
            SELECT count(*) FROM (SELECT 1 FROM room
            WHERE owner = ? AND owner <> '' AND created_at BETWEEN ? AND ? LIMIT ?)
            """,
            [owner.rawValue, range.lowerBound.nanosecondsSinceEpoch, range.upperBound.nanosecondsSinceEpoch, limit])?[0]
            ?? 0
    }

    /// Returns the number of inboxes that a user's notifications created for users who have never been connected and
    /// that still exist.
    package func inboxCount(madeBy sender: UserID) throws -> Int {
        try row("SELECT inboxes FROM sender WHERE name = ?", [sender.rawValue])?[0] ?? 0
    }

    /// Returns the bytes used by the messages of all rooms: their payloads plus 128 bytes each.
    package func messageByteCount() throws -> Int { try total("message_bytes") }

    /// Returns the bytes used by the notifications of all users: their payloads plus 512 bytes each.
    package func notificationByteCount() throws -> Int { try total("notification_bytes") }

    private func total(_ name: String) throws -> Int {
        try row("SELECT value FROM counter WHERE name = ?", [name])?[0] ?? 0
    }

    /// Returns true when the room has a history.
    package func hasRoom(_ room: String) throws -> Bool {
        try row("SELECT 1 FROM room WHERE name = ?", [room]) != nil
    }
}
