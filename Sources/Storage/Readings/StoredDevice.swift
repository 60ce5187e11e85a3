package import Core
import GRDB

/// A device that has sent at least one message.
package struct StoredDevice: Sendable, Equatable {
    package var name: String
    /// The room into which its readings are streamed.
    package var room: String
    package var firstSeen: Timestamp
    /// The receive time of the latest reading. May be up to ``ReadingStore/seenInterval`` out of date.
    package var lastSeen: Timestamp

    package init(name: String, room: String, firstSeen: Timestamp, lastSeen: Timestamp) {
        self.name = name
        self.room = room
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }

    static let select = "SELECT room, name, first_seen, last_seen FROM device"

    init(_ row: Row) throws {
        room = try row.value(0)
        name = try row.value(1)
        firstSeen = Timestamp(nanosecondsSinceEpoch: try row.value(2))
        lastSeen = Timestamp(nanosecondsSinceEpoch: try row.value(3))
    }
}

extension StorageSnapshot {
    /// Returns up to `limit` devices after `last`, ordered by room and name.
    package func devices(after last: StoredDevice? = nil, limit: Int) throws -> [StoredDevice] {
        try devices(afterRoom: last?.room ?? "", name: last?.name ?? "", limit: limit)
    }

    /// Returns up to `limit` devices after the position of `name` in `room`, ordered by room and name.
    package func devices(afterRoom room: String, name: String, limit: Int) throws -> [StoredDevice] {
        try rows(
            "\(StoredDevice.select) WHERE (room, name) > (?, ?) ORDER BY room, name LIMIT ?", [room, name, limit]
        ).map(StoredDevice.init)
    }

    /// Returns the latest time at which a device or a user was seen, or nil if none ever was.
    package func latestInstant() throws -> Timestamp? {
        let latest: Int64? = try row(
            "SELECT max(last) FROM (SELECT max(last_seen) AS last FROM device UNION ALL SELECT max(last_seen) FROM user)"
        )?
        .optional(0)
        return latest.map(Timestamp.init(nanosecondsSinceEpoch:))
    }
}

extension StorageTransaction {
    /// Records that a device was seen.
    package func markSeen(_ device: String, in room: String, at instant: Timestamp) throws {
        try run(
            """
            INSERT INTO device (room, name, first_seen, last_seen) VALUES (?1, ?2, ?3, ?3)
            ON CONFLICT (room, name) DO UPDATE
            SET first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)
            """, [room, device, instant.nanosecondsSinceEpoch])
    }
}
