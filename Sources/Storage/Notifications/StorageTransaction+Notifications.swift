import Foundation
import GRDB
package import Telemetry

extension StorageTransaction {
    /// Notes that a user was there. The user's inbox is nobody else's from then on.
    package func remember(user: String, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO user (name, last_seen) VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET last_seen = excluded.last_seen
            """, [user, now.nanosecondsSinceEpoch])
        try run(
            "UPDATE room SET owner = '', notifier = '' WHERE name = ? AND (owner <> '' OR notifier <> '')",
            [Schema.inboxPrefix + user])
    }

    /// Gives a user a notification, and forgets that user's oldest above `maxPerUser`.
    ///
    /// - Parameter sender: The user who answers for the bytes; empty for the gateway itself.
    /// - Throws: `SQLITE_CONSTRAINT` when the user's last number is given out.
    package func add(
        _ notification: StoredNotification, for user: String, from sender: String = "", maxPerUser: Int
    ) throws {
        let last: Int64 =
            try snapshot.row("SELECT max(sequence) FROM notification WHERE user = ?", [user])?.optional(0) ?? 0
        guard last < StoredNotification.maxSequence else {
            throw DatabaseError(
                resultCode: .SQLITE_CONSTRAINT,
                message: "the notifications of \(user) have no number left; the last one is \(last)")
        }
        try run(
            """
            INSERT INTO notification (user, sequence, notification_id, payload, created_at, expires_at, sender)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                user, last + 1, notification.notificationID, Data(notification.payload),
                notification.createdAt.nanosecondsSinceEpoch, notification.expiresAt?.nanosecondsSinceEpoch, sender,
            ])
        try run(
            "DELETE FROM notification WHERE user = ? AND sequence <= ?", [user, last + 1 - Int64(maxPerUser)])
    }

    /// Marks one notification as read; false when the user has none with that id or it was read before.
    package func markRead(_ notificationID: String, of user: String, at now: Timestamp) throws -> Bool {
        try run(
            "UPDATE notification SET read_at = ? WHERE user = ? AND notification_id = ? AND read_at IS NULL",
            [now.nanosecondsSinceEpoch, user, notificationID])
        return database.changesCount > 0
    }

    /// Marks all of a user's notifications as read; returns how many were not.
    package func markAllRead(of user: String, at now: Timestamp) throws -> Int {
        try run(
            "UPDATE notification SET read_at = ? WHERE user = ? AND read_at IS NULL",
            [now.nanosecondsSinceEpoch, user])
        return database.changesCount
    }

    /// Removes the oldest notifications of the sender whose notifications take the most bytes, as far as all together
    /// take more than `maxBytes`; up to `limit` of them. Returns how many went.
    ///
    /// The largest sender loses until it is a little smaller than the second largest, as rooms do.
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

    /// Removes up to `limit` notifications that were made before `cutoff` or have expired; returns how many went.
    package func removeNotifications(before cutoff: Timestamp, expiredAt now: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM notification WHERE (user, sequence) IN
            (SELECT user, sequence FROM notification WHERE created_at < ? OR expires_at <= ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, now.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}
