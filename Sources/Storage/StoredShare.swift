package import Core
import Foundation
import GRDB

/// A share link of a dashboard. The link's token is not stored, only its hash.
package struct StoredShare: Sendable, Equatable {
    package var shareID: String
    /// The SHA-256 hash of the token.
    package var tokenDigest: [UInt8]
    /// The dashboard's id.
    package var dashboard: String
    /// The rooms and filters that the link may join.
    package var rooms: [String]
    /// A note of the user who created the link, such as where it is used.
    package var name: String?
    package var createdBy: UserID
    package var createdAt: Timestamp
    package var expiresAt: Timestamp

    package init(
        shareID: String, tokenDigest: [UInt8], dashboard: String, rooms: [String], name: String?, createdBy: UserID,
        createdAt: Timestamp, expiresAt: Timestamp
    ) {
        self.shareID = shareID
        self.tokenDigest = tokenDigest
        self.dashboard = dashboard
        self.rooms = rooms
        self.name = name
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    init(_ row: Row) throws {
        shareID = try row.value(0)
        tokenDigest = try row.withUnsafeData(atIndex: 1) { $0.map(Array.init) ?? [] }
        dashboard = try row.value(2)
        let text: String = try row.value(3)
        rooms = (try? JSONParser.parse(Array(text.utf8)))?.arrayValue?.compactMap(\.stringValue) ?? []
        name = try row.optional(4)
        createdBy = UserID(unchecked: try row.value(5))
        createdAt = Timestamp(nanosecondsSinceEpoch: try row.value(6))
        expiresAt = Timestamp(nanosecondsSinceEpoch: try row.value(7))
    }
}

extension StorageTransaction {
    package func add(_ share: StoredShare) throws {
        var rooms: [UInt8] = []
        JSONValue.array(share.rooms.map(JSONValue.string)).append(to: &rooms)
        try run(
            """
            INSERT INTO share (share_id, token_digest, dashboard, rooms, name, created_by, created_at, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                share.shareID, Data(share.tokenDigest), share.dashboard, String(decoding: rooms, as: UTF8.self),
                share.name, share.createdBy.rawValue, share.createdAt.nanosecondsSinceEpoch,
                share.expiresAt.nanosecondsSinceEpoch,
            ])
    }

    package func removeShare(_ shareID: String) throws {
        try run("DELETE FROM share WHERE share_id = ?", [shareID])
    }

    package func removeShares(expiredAt now: Timestamp) throws {
        try run("DELETE FROM share WHERE expires_at <= ?", [now.nanosecondsSinceEpoch])
    }
}

extension StorageSnapshot {
    /// Returns all shares, including expired ones that were not removed yet.
    package func shares() throws -> [StoredShare] {
        try rows(
            "SELECT share_id, token_digest, dashboard, rooms, name, created_by, created_at, expires_at FROM share"
        ).map(StoredShare.init)
    }

    /// Returns the number of shares in total and those that the user created.
    package func shareCounts(of user: UserID) throws -> (total: Int, ofUser: Int) {
        let row = try row("SELECT count(*), coalesce(sum(created_by = ?), 0) FROM share", [user.rawValue])
        return (row?[0] ?? 0, row?[1] ?? 0)
    }
}
