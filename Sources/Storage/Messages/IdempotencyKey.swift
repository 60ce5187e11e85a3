package import Core
import Foundation
import GRDB

/// A key that makes resending harmless: messages with the same key, user and scope are the same message.
package struct IdempotencyKey: Sendable, Equatable {
    /// The sender.
    package var user: UserID
    /// The namespace of the key: a room's name, or another value chosen by the service.
    package var scope: String
    /// The key chosen by the sender.
    package var key: String
    /// A digest that shows whether the content is the same as before.
    package var contentDigest: [UInt8]

    /// The scope of notifications. No room can have this name.
    package static let notifications = "#notifications"

    package init(user: UserID, scope: String, key: String, contentDigest: [UInt8]) {
        self.user = user
        self.scope = scope
        self.key = key
        self.contentDigest = contentDigest
    }

    /// The result of looking up a key.
    package enum Finding: Sendable, Equatable {
        case unused
        /// The same content was sent with this key before, as this message.
        case used(messageID: String, offset: Int64)
        /// Other content was sent with this key before.
        case conflict
    }
}

extension StorageSnapshot {
    /// Looks up a key used at or after `cutoff`.
    package func finding(for key: IdempotencyKey, since cutoff: Timestamp) throws -> IdempotencyKey.Finding {
        guard
            let row = try row(
                """
                SELECT message_id, offset, content_digest FROM idempotency
                WHERE user = ? AND scope = ? AND key = ? AND created_at >= ?
                """, [key.user.rawValue, key.scope, key.key, cutoff.nanosecondsSinceEpoch])
        else { return .unused }
        let digest = try row.withUnsafeData(atIndex: 2) { $0.map(Array.init) ?? [] }
        return digest == key.contentDigest ? .used(messageID: try row.value(0), offset: try row.value(1)) : .conflict
    }
}

extension StorageTransaction {
    /// Stores a key with its message. Above `maxPerUser` the user's oldest keys are deleted, at most eight per call so
    /// that no call takes long.
    package func remember(
        _ key: IdempotencyKey, messageID: String, offset: Int64, at now: Timestamp, maxPerUser: Int
    ) throws {
        let last: Int64 =
            try snapshot.row("SELECT max(number) FROM idempotency WHERE user = ?", [key.user.rawValue])?.optional(0)
            ?? 0
        try run(
            """
            INSERT OR REPLACE INTO idempotency
                (user, scope, key, message_id, offset, content_digest, created_at, number)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                key.user.rawValue, key.scope, key.key, messageID, offset, Data(key.contentDigest),
                now.nanosecondsSinceEpoch,
                last + 1,
            ])
        try run(
            """
            DELETE FROM idempotency WHERE (user, scope, key) IN (
                SELECT user, scope, key FROM idempotency WHERE user = ? AND number <= ? ORDER BY number LIMIT 8)
            """, [key.user.rawValue, last + 1 - Int64(maxPerUser)])
    }

    /// Deletes up to `limit` keys used before `cutoff`. Returns the number deleted.
    package func forgetKeys(before cutoff: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM idempotency WHERE (user, scope, key) IN
            (SELECT user, scope, key FROM idempotency WHERE created_at < ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}
