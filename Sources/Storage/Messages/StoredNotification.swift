package import Core
import Foundation
import GRDB

/// A notification of one user.
package struct StoredNotification: Sendable, Equatable {
    /// The last sequence number that a user's notifications can reach.
    static let maxSequence = StoredMessage.maxOffset

    package var notificationID: String
    /// The payload of its `notification` message: a complete JSON object.
    package var payload: [UInt8]
    package var createdAt: Timestamp
    /// The time after which it is neither shown nor counted.
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

extension StorageTransaction {
    /// Records that a user is connected. From then on the user's inbox counts towards nobody else's limits.
    package func recordVisit(of user: UserID, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO user (name, last_seen) VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET last_seen = excluded.last_seen
            """, [user.rawValue, now.nanosecondsSinceEpoch])
        try run(
            "UPDATE room SET owner = '', notifier = '' WHERE name = ? AND (owner <> '' OR notifier <> '')",
            [user.inbox])
    }

    /// Adds a notification for a user, and deletes the user's oldest above `maxPerUser`.
    ///
    /// - Parameter sender: The user whose limits the bytes count towards; `nil` for the gateway itself.
    /// - Throws: `SQLITE_CONSTRAINT` when the user's last sequence number is used up.
    package func add(
        _ notification: StoredNotification, for user: UserID, from sender: UserID? = nil, maxPerUser: Int
    ) throws {
        let last: Int64 =
            try snapshot.row("SELECT max(sequence) FROM notification WHERE user = ?", [user.rawValue])?.optional(0) ?? 0
        guard last < StoredNotification.maxSequence else {
            throw DatabaseError(
                resultCode: .SQLITE_CONSTRAINT,
                message: "the notification sequence of \(user) is exhausted; the last number is \(last)")
        }
        try run(
            """
            INSERT INTO notification (user, sequence, notification_id, payload, created_at, expires_at, sender)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                user.rawValue, last + 1, notification.notificationID, Data(notification.payload),
                notification.createdAt.nanosecondsSinceEpoch, notification.expiresAt?.nanosecondsSinceEpoch,
                sender?.rawValue ?? "",
            ])
        try run(
            "DELETE FROM notification WHERE user = ? AND sequence <= ?", [user.rawValue, last + 1 - Int64(maxPerUser)])
    }

    /// Marks one notification as read. Returns false when the user has no unread notification with that id.
    package func markRead(_ notificationID: String, of user: UserID, at now: Timestamp) throws -> Bool {
        try run(
            "UPDATE notification SET read_at = ? WHERE user = ? AND notification_id = ? AND read_at IS NULL",
            [now.nanosecondsSinceEpoch, user.rawValue, notificationID])
        return database.changesCount > 0
    }

    /// Marks all of a user's notifications as read. Returns the number that were unread.
    package func markAllRead(of user: UserID, at now: Timestamp) throws -> Int {
        try run(
            "UPDATE notification SET read_at = ? WHERE user = ? AND read_at IS NULL",
            [now.nanosecondsSinceEpoch, user.rawValue])
        return database.changesCount
    }

    /// Deletes up to `limit` of the oldest notifications of the largest sender while all notifications together use
    /// more than `maxBytes`. Returns the number deleted.
    ///
    /// The largest sender shrinks until it is a little smaller than the second largest, like rooms in
    /// ``trimLargestRoom(above:limit:)``.
    package func trimLargestSender(above maxBytes: Int, limit: Int) throws -> Int {
        let excess = try snapshot.notificationByteCount() - maxBytes
        guard let (sender, loss) = try largest("name", of: "sender", excess: excess) else { return 0 }
        let oldest = try snapshot.rows(
            """
            SELECT \(Schema.notificationBytes), created_at, user, sequence FROM notification
            WHERE sender = ? ORDER BY created_at, user, sequence LIMIT ?
            """, [sender, limit])
        guard let end = last(of: oldest, freeing: loss) else { return 0 }
        try run(
            "DELETE FROM notification WHERE sender = ? AND (created_at, user, sequence) <= (?, ?, ?)",
            [sender, end[1] as DatabaseValue, end[2] as DatabaseValue, end[3] as DatabaseValue])
        return database.changesCount
    }

    /// Deletes up to `limit` notifications that were created before `cutoff` or have expired. Returns the number
    /// deleted.
    package func removeNotifications(before cutoff: Timestamp, expiredAt now: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM notification WHERE (user, sequence) IN
            (SELECT user, sequence FROM notification WHERE created_at < ? OR expires_at <= ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, now.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}

extension StorageSnapshot {
    /// Returns users who have been connected, the most recently seen first, at most `limit`.
    package func knownUsers(limit: Int) throws -> [UserID] {
        try rows("SELECT name FROM user ORDER BY last_seen DESC, name LIMIT ?", [limit]).map {
            UserID(unchecked: try $0.value(0))
        }
    }

    /// Returns true when the user has ever been connected.
    package func isKnown(user: UserID) throws -> Bool {
        try row("SELECT 1 FROM user WHERE name = ?", [user.rawValue]) != nil
    }

    /// Returns the number of the user's unread notifications that have not expired.
    package func unreadCount(of user: UserID, at now: Timestamp) throws -> Int {
        try row(
            """
            SELECT count(*) FROM notification
            WHERE user = ? AND read_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
            """, [user.rawValue, now.nanosecondsSinceEpoch])?[0] ?? 0
    }

    /// Returns the range of sequence numbers of the user's latest unread notifications, at most `limit` of them; `nil`
    /// when there are none.
    package func unreadRange(of user: UserID, at now: Timestamp, limit: Int) throws -> ClosedRange<Int64>? {
        let found = try row(
            """
            SELECT min(sequence), max(sequence) FROM (
                SELECT sequence FROM notification
                WHERE user = ? AND read_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
                ORDER BY sequence DESC LIMIT ?)
            """, [user.rawValue, now.nanosecondsSinceEpoch, limit])
        guard let first: Int64 = try found?.optional(0), let last: Int64 = try found?.optional(1) else { return nil }
        return first...last
    }

    /// Returns a page of the user's unread notifications in a range of sequence numbers, oldest first, each with its
    /// sequence number. The page has at most `limit` notifications and ends with the one at which the size of its
    /// payloads reaches `maxBytes`.
    package func unreadNotifications(
        of user: UserID, in range: ClosedRange<Int64>, at now: Timestamp, limit: Int, maxBytes: Int
    ) throws -> [(sequence: Int64, notification: StoredNotification)] {
        try rows(
            """
            SELECT \(StoredNotification.columns), sequence FROM notification
            WHERE user = ? AND read_at IS NULL AND (expires_at IS NULL OR expires_at > ?) AND sequence BETWEEN ? AND ?
            ORDER BY sequence LIMIT ?
            """, [user.rawValue, now.nanosecondsSinceEpoch, range.lowerBound, range.upperBound, limit],
            maxBytes: maxBytes, payloadAt: 1
        ).map { (sequence: try $0.value(5), notification: try StoredNotification($0)) }
    }

    /// Returns the user's notifications before the one with that id, newest first. Begins with the newest when the id
    /// is `nil` or unknown.
    package func notifications(
        of user: UserID, before notificationID: String?, unreadOnly: Bool, at now: Timestamp, limit: Int
    ) throws -> [StoredNotification] {
        try rows(
            """
            SELECT \(StoredNotification.columns) FROM notification
            WHERE user = ?1 AND (expires_at IS NULL OR expires_at > ?2) AND (?3 = 0 OR read_at IS NULL)
            AND sequence < coalesce(
                (SELECT sequence FROM notification WHERE user = ?1 AND notification_id = ?4), 9223372036854775807)
            ORDER BY sequence DESC LIMIT ?5
            """, [user.rawValue, now.nanosecondsSinceEpoch, unreadOnly ? 1 : 0, notificationID, limit]
        ).map(StoredNotification.init)
    }

    /// Returns true when the user has a notification with that id, read or not.
    package func hasNotification(_ notificationID: String, of user: UserID) throws -> Bool {
        try row("SELECT 1 FROM notification WHERE user = ? AND notification_id = ?", [user.rawValue, notificationID])
            != nil
    }
}
