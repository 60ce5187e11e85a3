import DequeModule
package import Telemetry

/// Who is in which room, on one shard: members by name and by filter, and the merged list of a room's recipients.
///
/// The merged list is kept until a join or leave touches it, because rooms speak far more often than they change. The
/// latest changes of filters are kept, so that a room's list survives those that do not match it.
/// Not thread-safe: it belongs to one shard.
package struct RoomMembers<Member: AnyObject> {
    private struct Room {
        var members: [ObjectIdentifier: Member] = [:]
        var recipients: [Member] = []
        /// The version of the filters that ``recipients`` was made with; 0 when it must be made anew.
        var filterVersion: UInt64 = 0
    }

    /// Rooms for which a merged list is kept although nobody joined them by name; beyond it these lists are dropped.
    private static var maxLists: Int { 65_536 }
    /// Members in all lists together: 32 MiB of references. Beyond it all lists are made anew, which costs a few per cent of
    /// what sending to so many members does.
    package static var maxListed: Int { 4 << 20 }
    /// After so many filters were left all lists are made anew: those of rooms that have been silent since still hold the
    /// members that went.
    private static var maxLeaves: Int { 4096 }
    /// More changes than this cost more to compare with a room than to make its list anew.
    private static var maxChanges: Int { 32 }

    private var rooms: [String: Room] = [:]
    /// Rooms without members: those for which only a list is kept.
    private var listCount = 0
    /// The members in all lists.
    private(set) var listedCount = 0
    private let maxListed: Int
    /// Filters that were left since all lists were made anew.
    private var leaveCount = 0
    private let filters: RoomFilterTree<Member>
    private let protectedFirstLevels: [String]
    /// Counts the joins and leaves by filters.
    private var filterVersion: UInt64 = 1
    /// The filters of the latest joins and leaves; the last one made ``filterVersion``.
    private var changes = Deque<TopicFilter>()

    package init(protecting protectedFirstLevels: [String] = [], maxListed: Int = maxListed) {
        self.maxListed = maxListed
        filters = RoomFilterTree(protecting: protectedFirstLevels)
        self.protectedFirstLevels = protectedFirstLevels
    }

    /// Adds `member` to a room or to all rooms that a filter matches.
    package mutating func insert(_ member: Member, under filter: TopicFilter) {
        if filter.isName {
            if rooms[filter.rawValue]?.members.isEmpty == true { listCount -= 1 }
            rooms[filter.rawValue, default: Room()].members[ObjectIdentifier(member)] = member
            rooms[filter.rawValue]?.filterVersion = 0
        } else {
            filters.insert(member, under: filter)
            changed(filter)
        }
    }

    /// Takes `member` out again, of what it joined by this very filter.
    package mutating func remove(_ member: Member, under filter: TopicFilter) {
        if filter.isName {
            guard rooms[filter.rawValue]?.members.removeValue(forKey: ObjectIdentifier(member)) != nil else { return }
            listedCount -= rooms[filter.rawValue]?.recipients.count ?? 0
            if rooms[filter.rawValue]?.members.isEmpty == true {
                rooms[filter.rawValue] = nil
            } else {
                rooms[filter.rawValue]?.recipients = []
                rooms[filter.rawValue]?.filterVersion = 0
            }
        } else {
            filters.remove(member, under: filter)
            changed(filter)
            leaveCount += 1
            if leaveCount >= Self.maxLeaves { forgetLists() }
        }
    }

    /// Everybody who gets a message of that concrete room, each once, however many of its joins match.
    package mutating func recipients(of name: String) -> [Member] {
        if let room = rooms[name] {
            if isCurrent(room, name) {
                if room.filterVersion != filterVersion { rooms[name]?.filterVersion = filterVersion }
                return room.recipients
            }
        } else if filters.isEmpty {
            return []
        } else {
            if listCount >= Self.maxLists { forgetLists() }
            listCount += 1
        }
        var room = rooms[name] ?? Room()
        listedCount -= room.recipients.count
        var merged = room.members
        if !filters.isEmpty {
            filters.forEachMember(matching: name) { merged[ObjectIdentifier($0)] = $0 }
        }
        room.recipients = Array(merged.values)
        room.filterVersion = filterVersion
        if listedCount + room.recipients.count > maxListed {
            forgetLists()
            if room.members.isEmpty { listCount += 1 }
        }
        listedCount += room.recipients.count
        rooms[name] = room
        return room.recipients
    }

    private mutating func forgetLists() {
        rooms = rooms.compactMapValues { room in
            room.members.isEmpty ? nil : Room(members: room.members)
        }
        listCount = 0
        listedCount = 0
        leaveCount = 0
    }

    private mutating func changed(_ filter: TopicFilter) {
        filterVersion += 1
        if changes.count >= Self.maxChanges { changes.removeFirst() }
        changes.append(filter)
    }

    /// Checks that no filter that came or went since a room's list was made matches the room.
    private func isCurrent(_ room: Room, _ name: String) -> Bool {
        if room.filterVersion == filterVersion { return true }
        guard room.filterVersion > 0, filterVersion - room.filterVersion <= UInt64(changes.count) else { return false }
        return !changes.suffix(Int(filterVersion - room.filterVersion)).contains {
            $0.matches(name, protecting: protectedFirstLevels)
        }
    }
}
