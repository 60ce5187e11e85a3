import GRDB
package import Telemetry

/// A notification of one user.
package struct StoredNotification: Sendable, Equatable {
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
        notificationID = row[0]
        payload = try row.withUnsafeData(atIndex: 1) { $0.map(Array.init) ?? [] }
        createdAt = Timestamp(nanosecondsSinceEpoch: row[2])
        expiresAt = (row[3] as Int64?).map(Timestamp.init(nanosecondsSinceEpoch:))
        isRead = row[4]
    }
}
