import GRDB
package import Telemetry

/// A notification of one user.
package struct StoredNotification: Sendable, Equatable {
    /// The last number that a user's notifications may have.
    static let maxSequence = StoredMessage.maxOffset

    package var notificationID: String
    /// The payload of its `notification` message: a complete JSON object.
    package var payload: [UInt8]
    package var createdAt: Timestamp
    /// After this it is neither shown nor counted.
    package var expiresAt: Timestamp?
    package var isRead: Bool

    package init(
        notificationID: String, payload: [UInt8], createdAt: Timestamp, expiresAt: Timestamp? = nil,
        isRead: Bool = false
    ) {
        self.notificationID = notificationID
        self.payload = payload
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.isRead = isRead
    }

    static let columns = "notification_id, payload, created_at, expires_at, read_at IS NOT NULL"

    init(_ row: Row) throws {
        notificationID = try row.value(0)
        payload = try row.withUnsafeData(atIndex: 1) { $0.map(Array.init) ?? [] }
        createdAt = Timestamp(nanosecondsSinceEpoch: try row.value(2))
        expiresAt = try row.optional(3).map(Timestamp.init(nanosecondsSinceEpoch:))
        isRead = try row.value(4)
    }
}
