import GRDB
package import Telemetry

extension StorageSnapshot {
    /// Users that were ever connected, the latest first, at most `limit`.
    package func knownUsers(limit: Int) throws -> [String] {
        try rows("SELECT name FROM user ORDER BY last_seen DESC, name LIMIT ?", [limit]).map { try $0.value(0) }
    }

    /// How many notifications the user has not read, without those that have expired.
    package func unreadCount(of user: String, at now: Timestamp) throws -> Int {
        try row(
            """
            SELECT count(*) FROM notification
            WHERE user = ? AND read_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
            """, [user, now.nanosecondsSinceEpoch])?[0] ?? 0
    }

    /// The user's latest unread notifications, at most `limit`, the oldest first.
    package func unreadNotifications(of user: String, at now: Timestamp, limit: Int) throws -> [StoredNotification] {
        try rows(
            """
            SELECT \(StoredNotification.columns) FROM notification
            WHERE user = ? AND read_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
            ORDER BY sequence DESC LIMIT ?
            """, [user, now.nanosecondsSinceEpoch, limit]
        ).reversed().map(StoredNotification.init)
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
