import Core
import DequeModule
package import Telemetry

/// The members of the rooms on one shard, by name and by filter, with a cached list of recipients per room.
///
/// A room's list is cached until a join or leave affects it, because messages are far more frequent than joins. The
/// filters of the latest joins and leaves are recorded: a list stays valid if none of them matches its room.
///
/// Not thread-safe: it belongs to one shard.
package struct RoomMembers<Member: AnyObject> {
    private struct Room {
        var members: [ObjectIdentifier: Member] = [:]
        var recipients: [Member] = []
        /// The ``RoomMembers/filterVersion`` for which ``recipients`` is valid; 0 when the list must be rebuilt.
        var filterVersion: UInt64 = 0
    }

    /// The maximum number of cached lists of rooms that nobody joined by name. Above it, all lists are dropped.
    private static var maxLists: Int { 65_536 }
    /// The maximum number of members in all lists together (32 MiB of references). Above it, all lists are rebuilt,
    /// which costs a few per cent of the work of sending to that many members.
    package static var maxListed: Int { 4 << 20 }
    /// The number of leaves from filters after which all lists are dropped. Otherwise lists of silent rooms would keep
    /// references to members that left.
    private static var maxLeaves: Int { 4096 }
    /// The maximum number of recorded changes. Comparing more of them with a room costs more than rebuilding its list.
    private static var maxChanges: Int { 32 }

    private var rooms: [String: Room] = [:]
    /// The number of rooms without members by name, which exist only for their list.
    private var listCount = 0
    /// The number of members in all lists.
    private(set) var listedCount = 0
    private let maxListed: Int
    /// Leaves from filters since all lists were last dropped.
    private var leaveCount = 0
    private let filters: RoomFilterTree<Member>
    private let protectedFirstLevels: [String]
    /// The number of joins and leaves by filters, plus one.
    private var filterVersion: UInt64 = 1
    /// The filters of the latest joins and leaves. The last one led to ``filterVersion``.
    private var changes = Deque<TopicFilter>()

    package init(protecting protectedFirstLevels: [String] = [], maxListed: Int = maxListed) {
        self.maxListed = maxListed
        filters = RoomFilterTree(protecting: protectedFirstLevels)
        self.protectedFirstLevels = protectedFirstLevels
    }

    /// Adds `member` to a room, or to all rooms that a filter matches.
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

    /// Removes the join of `member` by exactly this filter.
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

    /// Returns the recipients of a message to the room. Each appears once, even if several of its joins match.
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

    /// Returns true when no filter that changed since the room's list was built matches the room.
    private func isCurrent(_ room: Room, _ name: String) -> Bool {
        if room.filterVersion == filterVersion { return true }
        guard room.filterVersion > 0, filterVersion - room.filterVersion <= UInt64(changes.count) else { return false }
        return !changes.suffix(Int(filterVersion - room.filterVersion)).contains {
            $0.matches(name, protecting: protectedFirstLevels)
        }
    }
}
