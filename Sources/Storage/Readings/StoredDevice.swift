import GRDB
package import Telemetry

/// A device that was heard at some time.
package struct StoredDevice: Sendable, Equatable {
    package var name: String
    /// The room that its readings are streamed into.
    package var room: String
    package var firstSeen: Timestamp
    /// Up to ``ReadingStore/seenInterval`` old.
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
