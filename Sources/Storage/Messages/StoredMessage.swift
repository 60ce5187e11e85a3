package import Core
import GRDB

/// A message in a room's history.
package struct StoredMessage: Sendable, Equatable {
    /// The last offset that a room can reach: the largest integer that JSON numbers represent exactly everywhere (2^53
    /// - 1).
    package static let maxOffset: Int64 = 9_007_199_254_740_991

    /// The position in the room's history. Consecutive, from 1 or, after other rooms were removed, from a higher
    /// number.
    package var offset: Int64
    package var messageID: String
    /// The envelope's `type`.
    package var type: String
    /// The envelope's `payload`: a complete JSON object.
    package var payload: [UInt8]
    package var createdAt: Timestamp

    package init(offset: Int64, messageID: String, type: String, payload: [UInt8], createdAt: Timestamp) {
        self.offset = offset
        self.messageID = messageID
        self.type = type
        self.payload = payload
        self.createdAt = createdAt
    }

    /// The types stored in rooms' histories.
    package static let types = ["chat_message", "direct_message", "notification", "notification_read", "alert"]

    static let columns = "offset, message_id, type, payload, created_at"

    init(_ row: Row) throws {
        offset = try row.value(0)
        messageID = try row.value(1)
        type = try row.value(2)
        payload = try row.withUnsafeData(atIndex: 3) { $0.map(Array.init) ?? [] }
        createdAt = Timestamp(nanosecondsSinceEpoch: try row.value(4))
    }
}

extension StorageSnapshot {
    /// Returns the first `limit` messages after `offset`, in ascending order.
    package func messages(in room: String, after offset: Int64, limit: Int) throws -> [StoredMessage] {
        try rows(
            """
            SELECT \(StoredMessage.columns) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset > ? ORDER BY offset LIMIT ?
            """, [room, offset, limit]
        ).map(StoredMessage.init)
    }

    /// Returns the number of stored messages after `offset`, up to and including `last`.
    package func messageCount(in room: String, after offset: Int64, through last: Int64) throws -> Int64 {
        try row(
            """
            SELECT count(*) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset > ? AND offset <= ?
            """, [room, offset, last])?.value(0) ?? 0
    }

    /// Returns a page of the messages after `offset`, up to and including `last`, in ascending order. The page has at
    /// most `limit` messages and ends with the one at which the size of its payloads reaches `maxBytes`.
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

    /// Returns the last `limit` messages before `offset`, in ascending order.
    package func messages(in room: String, before offset: Int64, limit: Int) throws -> [StoredMessage] {
        try rows(
            """
            SELECT \(StoredMessage.columns) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset < ? ORDER BY offset DESC LIMIT ?
            """, [room, offset, limit]
        ).reversed().map(StoredMessage.init)
    }

    /// The offsets of a page of a room's history.
    package struct HistoryPage: Equatable, Sendable {
        /// The page's first and last offset; nil for an empty page.
        package var offsets: ClosedRange<Int64>?
        package var hasMore: Bool

        package init(offsets: ClosedRange<Int64>?, hasMore: Bool) {
            self.offsets = offsets
            self.hasMore = hasMore
        }
    }

    /// Returns the page that follows `offset`: at most `limit` messages, and about `maxBytes` bytes of payloads.
    package func page(in room: String, after offset: Int64, limit: Int, maxBytes: Int) throws -> HistoryPage {
        try page(
            """
            SELECT offset, length(payload) FROM message
            WHERE room_id = (SELECT id FROM room WHERE name = ?) AND offset > ? ORDER BY offset LIMIT ?
            """, room, offset, limit, maxBytes)
    }

    /// Returns the page that precedes `offset`: at most `limit` messages, and about `maxBytes` bytes of payloads.
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

    /// Returns the first messages in a range of offsets, in ascending order: about `maxBytes` bytes of payloads, and at
    /// least one message if there is any.
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
}
