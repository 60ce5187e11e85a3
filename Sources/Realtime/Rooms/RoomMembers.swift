package import Telemetry

/// Who is in which room, on one shard: members by name and by filter, and the merged list of a room's recipients.
///
/// The merged list is kept until a join or leave touches it, because rooms speak far more often than they change.
/// Not thread-safe: it belongs to one shard.
package struct RoomMembers<Member: AnyObject> {
    private struct Room {
        var members: [ObjectIdentifier: Member] = [:]
        var recipients: [Member] = []
        /// The version of the filters that ``recipients`` was made with; 0 when it must be made anew.
        var filterVersion: UInt64 = 0
    }

    /// Rooms for which a merged list is kept although nobody joined them by name; beyond it the lists are dropped.
    private static var maxRooms: Int { 65_536 }

    private var rooms: [String: Room] = [:]
    private let filters: RoomFilterTree<Member>
    private var filterVersion: UInt64 = 1

    package init(protecting protectedFirstLevels: [String] = []) {
        filters = RoomFilterTree(protecting: protectedFirstLevels)
    }

    /// Adds `member` to a room or to all rooms that a filter matches.
    package mutating func insert(_ member: Member, under filter: TopicFilter) {
        if filter.isName {
            rooms[filter.rawValue, default: Room()].members[ObjectIdentifier(member)] = member
            rooms[filter.rawValue]?.filterVersion = 0
        } else {
            filters.insert(member, under: filter)
            filterVersion += 1
        }
    }

    /// Takes `member` out again, of what it joined by this very filter.
    package mutating func remove(_ member: Member, under filter: TopicFilter) {
        if filter.isName {
            rooms[filter.rawValue]?.members[ObjectIdentifier(member)] = nil
            rooms[filter.rawValue]?.filterVersion = 0
            if rooms[filter.rawValue]?.members.isEmpty == true { rooms[filter.rawValue] = nil }
        } else {
            filters.remove(member, under: filter)
            filterVersion += 1
        }
    }

    /// Everybody who gets a message of that concrete room, each once, however many of its joins match.
    package mutating func recipients(of name: String) -> [Member] {
        if let room = rooms[name] {
            if room.filterVersion == filterVersion { return room.recipients }
        } else if filters.isEmpty {
            return []
        } else if rooms.count >= Self.maxRooms {
            rooms = rooms.filter { !$0.value.members.isEmpty }
        }
        var room = rooms[name] ?? Room()
        var merged = room.members
        if !filters.isEmpty {
            filters.forEachMember(matching: name) { merged[ObjectIdentifier($0)] = $0 }
        }
        room.recipients = Array(merged.values)
        room.filterVersion = filterVersion
        rooms[name] = room
        return room.recipients
    }
}
