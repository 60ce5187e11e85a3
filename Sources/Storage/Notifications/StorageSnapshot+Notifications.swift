import GRDB
package import Telemetry

extension StorageSnapshot {
    /// Users that were ever connected, the latest first, at most `limit`.
    package func knownUsers(limit: Int) throws -> [String] {
        try rows("SELECT name FROM user ORDER BY last_seen DESC, name LIMIT ?", [limit]).map { try $0.value(0) }
    }

    /// Whether the user was ever connected.
    package func isKnown(user: String) throws -> Bool {
        try row("SELECT 1 FROM user WHERE name = ?", [user]) != nil
    }

    /// How many notifications the user has not read, without those that have expired.
    package func unreadCount(of user: String, at now: Timestamp) throws -> Int {
        try row(
            """
            SELECT count(*) FROM notification
            WHERE user = ? AND read_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
            """, [user, now.nanosecondsSinceEpoch])?[0] ?? 0
    }

    /// The sequence numbers of the user's latest unread notifications, at most `limit`; `nil` when there are none.
    package func unreadRange(of user: String, at now: Timestamp, limit: Int) throws -> ClosedRange<Int64>? {
        let found = try row(
            """
            SELECT min(sequence), max(sequence) FROM (
                SELECT sequence FROM notification
                WHERE user = ? AND read_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
                ORDER BY sequence DESC LIMIT ?)
            """, [user, now.nanosecondsSinceEpoch, limit])
        guard let first: Int64 = try found?.optional(0), let last: Int64 = try found?.optional(1) else { return nil }
        return first...last
    }

    /// A page of the user's unread notifications in a range of sequence numbers, the oldest first: at most `limit`, and
    /// none after the one with which their payloads reach `maxBytes`. Each comes with its sequence number.
    package func unreadNotifications(
        of user: String, in range: ClosedRange<Int64>, at now: Timestamp, limit: Int, maxBytes: Int
    ) throws -> [(sequence: Int64, notification: StoredNotification)] {
        try rows(
            """
            SELECT \(StoredNotification.columns), sequence FROM notification
            WHERE user = ? AND read_at IS NULL AND (expires_at IS NULL OR expires_at > ?) AND sequence BETWEEN ? AND ?
            ORDER BY sequence LIMIT ?
            """, [user, now.nanosecondsSinceEpoch, range.lowerBound, range.upperBound, limit],
            maxBytes: maxBytes, payloadAt: 1
        ).map { (sequence: try $0.value(5), notification: try StoredNotification($0)) }
    }

    /// The user's notifications before the one with that id (or the latest), the newest first.
    package func notifications(
        of user: String, before notificationID: String?, unreadOnly: Bool, at now: Timestamp, limit: Int
    ) throws -> [StoredNotification] {
        try rows(
            """
            SELECT \(StoredNotification.columns) FROM notification
            WHERE user = ?1 AND (expires_at IS NULL OR expires_at > ?2) AND (?3 = 0 OR read_at IS NULL)
            AND sequence < coalesce(
                (SELECT sequence FROM notification WHERE user = ?1 AND notification_id = ?4), 9223372036854775807)
            ORDER BY sequence DESC LIMIT ?5
            """, [user, now.nanosecondsSinceEpoch, unreadOnly ? 1 : 0, notificationID, limit]
        ).map(StoredNotification.init)
    }

    /// Whether the user has a notification with that id, read or not.
    package func hasNotification(_ notificationID: String, of user: String) throws -> Bool {
        try row("SELECT 1 FROM notification WHERE user = ? AND notification_id = ?", [user, notificationID]) != nil
    }
}
