import GRDB
package import Telemetry

/// A message in a room's history.
package struct StoredMessage: Sendable, Equatable {
    /// The last offset that a room may give out: the largest integer that JSON's numbers hold everywhere (2^53 - 1).
    package static let maxOffset: Int64 = 9_007_199_254_740_991

    /// Its position in the room, one after the other: from 1, or from higher up when other rooms have been removed.
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

    /// The types that rooms' histories hold.
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
