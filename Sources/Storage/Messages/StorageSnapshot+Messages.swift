import GRDB
package import Telemetry

extension StorageSnapshot {
    /// The offset of a room's last message; for a room without a history the offset after which it would begin.
    package func lastOffset(of room: String) throws -> Int64 {
        try row("SELECT coalesce((SELECT last_offset FROM room WHERE name = ?1), \(Schema.roomBeginning))", [room])?
            .value(0) ?? 0
    }

    /// Counts the rooms with a history, without the inboxes of users who have been here or to whom there was only a
    /// notification.
    package func roomCount() throws -> Int { try total("rooms") }

    /// Counts the rooms that a user made in that time and that are still there, up to `limit`.
    package func roomCount(of owner: String, madeIn range: ClosedRange<Timestamp>, limit: Int) throws -> Int {
        try row(
            """
            SELECT count(*) FROM (SELECT 1 FROM room
            WHERE owner = ? AND owner <> '' AND created_at BETWEEN ? AND ? LIMIT ?)
            """,
            [owner, range.lowerBound.nanosecondsSinceEpoch, range.upperBound.nanosecondsSinceEpoch, limit])?[0] ?? 0
    }

    /// Counts the inboxes that notifications of a user made for users who have never been here, and that are still there.
    package func inboxCount(madeBy sender: String) throws -> Int {
        try row("SELECT inboxes FROM sender WHERE name = ?", [sender])?[0] ?? 0
    }

    /// Bytes that the messages of all rooms take: their payloads, and 128 for each.
    package func messageByteCount() throws -> Int { try total("message_bytes") }

    /// Bytes that the notifications of all users take: their payloads, and 512 for each.
    package func notificationByteCount() throws -> Int { try total("notification_bytes") }

    private func total(_ name: String) throws -> Int {
        try row("SELECT value FROM counter WHERE name = ?", [name])?[0] ?? 0
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

    /// Counts the messages that the room keeps after `offset` and up to `last`.
    package func messageCount(in room: String, after offset: Int64, through last: Int64) throws -> Int64 {
        try row(
            """
            SELECT count(*) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset > ? AND offset <= ?
            """, [room, offset, last])?.value(0) ?? 0
    }

    /// A page of the messages after `offset` and up to `last`, ascending: at most `limit`, and none after the one with
    /// which their payloads reach `maxBytes`.
    package func messages(
        in room: String, after offset: Int64, through last: Int64, limit: Int, maxBytes: Int
    ) throws -> [StoredMessage] {
        try rows(
            """
            SELECT \(StoredMessage.columns) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset > ? AND offset <= ? ORDER BY offset LIMIT ?
            """, [room, offset, last, limit], maxBytes: maxBytes, payloadAt: 3
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

    /// The offsets of a page of a room's history, and whether there is more in the direction that was asked for.
    package struct HistoryPage: Equatable, Sendable {
        /// Ascending; nil for an empty page.
        package var offsets: ClosedRange<Int64>?
        package var hasMore: Bool

        package init(offsets: ClosedRange<Int64>?, hasMore: Bool) {
            self.offsets = offsets
            self.hasMore = hasMore
        }
    }

    /// The page of at most `limit` messages, and about `maxBytes` bytes of payloads, that follow `offset`.
    package func page(in room: String, after offset: Int64, limit: Int, maxBytes: Int) throws -> HistoryPage {
        try page(
            """
            SELECT offset, length(payload) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset > ? ORDER BY offset LIMIT ?
            """, room, offset, limit, maxBytes)
    }

    /// The page of at most `limit` messages, and about `maxBytes` bytes of payloads, that end before `offset`.
    package func page(in room: String, before offset: Int64, limit: Int, maxBytes: Int) throws -> HistoryPage {
        try page(
            """
            SELECT offset, length(payload) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset < ? ORDER BY offset DESC LIMIT ?
            """, room, offset, limit, maxBytes)
    }

    private func page(
        _ sql: String, _ room: String, _ offset: Int64, _ limit: Int, _ maxBytes: Int
    ) throws -> HistoryPage {
        let found = try rows(sql, [room, offset, limit + 1])
        var offsets: [Int64] = []
        var byteCount = 0
        for row in found.prefix(limit) {
            byteCount += row[1]
            if byteCount > maxBytes, !offsets.isEmpty { break }
            offsets.append(row[0])
        }
        guard let first = offsets.first, let last = offsets.last else {
            return HistoryPage(offsets: nil, hasMore: false)
        }
        return HistoryPage(offsets: min(first, last)...max(first, last), hasMore: found.count > offsets.count)
    }

    /// The first messages of a range of offsets, ascending: about `maxBytes` bytes of payloads, and at least one.
    package func messages(in room: String, offsets: ClosedRange<Int64>, maxBytes: Int) throws -> [StoredMessage] {
        let rows = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT \(StoredMessage.columns) FROM message
                    WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset BETWEEN ? AND ? ORDER BY offset
                    """), arguments: [room, offsets.lowerBound, offsets.upperBound])
        var messages: [StoredMessage] = []
        var byteCount = 0
        while byteCount < maxBytes, let row = try rows.next() {
            let message = try StoredMessage(row)
            byteCount += message.payload.count
            messages.append(message)
        }
        return messages
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
