import Core
import Hummingbird
import NIOCore
import Realtime
import Services
import Storage
import Telemetry

/// The routes that list online users, rooms, devices and dashboards. Except for dashboards, answers contain only what
/// the token's `join` grants.
struct ListingRoutes {
    /// The largest number of rooms in one answer.
    static let maxListedRooms = 10_000
    /// The largest number of users in one answer.
    private static let maxListedUsers: Int64 = 100_000
    /// The largest number of devices in one answer.
    private static let maxListedDevices = 10_000

    private let hub: Hub
    private let stream: DataStreamService
    private let readings: ReadingHistory
    private let dashboards: @Sendable () -> ServedDashboards
    private let cursors = DeviceCursors()

    init(
        hub: Hub, stream: DataStreamService, readings: ReadingHistory,
        dashboards: @escaping @Sendable () -> ServedDashboards
    ) {
        self.hub = hub
        self.stream = stream
        self.readings = readings
        self.dashboards = dashboards
    }

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("online", use: online)
        group.get("rooms", use: rooms)
        group.get("devices", use: devices)
        group.get("dashboards", use: listDashboards)
    }

    /// Lists all dashboards, to the clients of a share only the shared one.
    @Sendable private func listDashboards(_ request: Request, _ context: GatewayRequestContext) -> Response {
        let served = dashboards()
        var json = served.json
        if let share = context.identity?.share {
            json = served.dashboard(share.stored.dashboard)?.json ?? ServedDashboards.none
        }
        return .whole(json, type: "application/json")
    }

    /// Lists the token's own user and the users in rooms that the token grants. A token that may join `#` gets all
    /// online users. Sorted by name and paged.
    @Sendable private func online(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let identity = try context.requireIdentity()
        let after = request.query("after")
        let limit = Int(try request.query("limit", in: 1...Self.maxListedUsers, default: Self.maxListedUsers))
        let presence = hub.presence.snapshot()
        var users = presence.onlineUsers
        if !identity.grants.canJoinEverything {
            let visibility = identity.grants.visibility()
            var seen: Set = [identity.user]
            for group in presence.groups
            where group.filter.isName
                ? visibility.canSee(room: group.filter.rawValue) : identity.grants.canJoin(group.filter)
            {
                for (user, clients) in group.users where clients.count > 0 { seen.insert(user) }
            }
            users = users.filter(seen.contains)
        }
        if let after { users = users.filter { $0.rawValue > after } }
        var byteCount = 0
        let page = users.prefix(limit).prefix { user in
            byteCount += user.rawValue.utf8.count + 3
            return byteCount <= JSONPage.maxByteCount
        }
        var body = JSONObjectBuilder()
        body.add("online_users", array: page.lazy.map(\.rawValue))
        if page.count < users.count, let last = page.last { body.add("next", last.rawValue) }
        return .json(body.finished())
    }

    /// Lists the rooms that clients have joined by name, and the rooms with readings. The number of a room's clients
    /// includes those that have joined by a filter. Sorted by name and paged.
    @Sendable private func rooms(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let visibility = try context.requireIdentity().grants.visibility()
        let after = request.query("after") ?? ""
        let limit = Int(
            try request.query("limit", in: 1...Int64(Self.maxListedRooms), default: Int64(Self.maxListedRooms)))
        let presence = hub.presence.snapshot()
        var names = presence.groups.map(\.filter).filter { $0.isName && !RoomGrants.isInbox($0) }.map(\.rawValue)
        var last: String?
        // Devices of the same room are adjacent.
        for key in stream.deviceKeys() where key.room != last {
            names.append(key.room)
            last = key.room
        }
        let found = Set(names).filter { Self.precedes(after, $0) && visibility.canSee(room: $0) }
            .sorted(by: Self.precedes)
        var page = JSONPage()
        let count = page.add(
            contentsOf: found.prefix(limit).lazy.map { room in
                var object = JSONObjectBuilder()
                object.add("room_id", room)
                object.add("clients", presence.clientCount(of: room))
                if let filter = try? TopicFilter(room) { object.add("telemetry", stream.isTelemetry(filter)) }
                return object.finished()
            })
        var body = JSONObjectBuilder()
        body.add("rooms", objects: page.elements)
        if count < found.count { body.add("next", found[count - 1]) }
        return .json(body.finished())
    }

    /// Lists the devices in memory, with their latest readings, and those that are only in the database. Sorted by room
    /// and name, and paged.
    @Sendable private func devices(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let visibility = try context.requireIdentity().grants.visibility()
        let limit = Int(
            try request.query("limit", in: 1...Int64(Self.maxListedDevices), default: Int64(Self.maxListedDevices)))
        var last: DeviceKey?
        if let after = request.query("after") {
            guard let given = cursors.device(at: after) else {
                throw Problem(.badRequest, "\"after\" must be the \"next\" of the previous page.")
            }
            last = given
        }
        return try await .parts(
            DevicesAnswer(
                stream: stream, readings: readings, visibility: visibility, cursors: cursors, after: last,
                limit: limit),
            type: "application/json")
    }

    private static func precedes(_ first: String, _ second: String) -> Bool {
        first.utf8.lexicographicallyPrecedes(second.utf8)
    }
}

/// A sorted list of devices, merged from the database and from memory while the client reads the answer.
private struct DevicesAnswer: StreamedBody {
    /// The largest numbers of database rows and of in-memory devices that are fetched at once.
    private static let maxStored = 256
    private static let maxLive = 64
    /// The largest number of devices in hidden rooms that are skipped in one answer; the next page continues after
    /// them.
    private static let maxPassed = 20_000

    private let stream: DataStreamService
    private let readings: ReadingHistory
    private let visibility: RoomVisibility
    private let cursors: DeviceCursors
    /// The in-memory devices in rooms that the token may see.
    private let keys: [DeviceKey]
    private var last: DeviceKey?
    private var left: Int
    private var byteCount = 0
    private var passedCount = 0
    private var hasBegun = false
    private var hasDevices = false
    private var isFinished = false

    init(
        stream: DataStreamService, readings: ReadingHistory, visibility: RoomVisibility, cursors: DeviceCursors,
        after last: DeviceKey?, limit: Int
    ) {
        self.stream = stream
        self.readings = readings
        self.visibility = visibility
        self.cursors = cursors
        self.keys = stream.deviceKeys().filter { visibility.canSee(room: $0.room) }
        self.last = last
        self.left = limit
    }

    mutating func next() async throws -> [UInt8]? {
        guard !isFinished else { return nil }
        var bytes: [UInt8] = []
        if !hasBegun { JSONWriter.append(raw: "{\"devices\":[", to: &bytes) }
        hasBegun = true
        var hasMore = true
        while bytes.count < Response.portionByteCount, hasMore, !isFull { hasMore = try await addDevices(to: &bytes) }
        if !hasMore || isFull {
            bytes.append(UInt8(ascii: "]"))
            if hasMore, let last {
                JSONWriter.append(raw: ",\"next\":", to: &bytes)
                JSONWriter.append(cursors.cursor(of: last, isShown: visibility.canSee(room: last.room)), to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
            isFinished = true
        }
        return bytes
    }

    private var isFull: Bool {
        left <= 0 || byteCount >= JSONPage.maxByteCount || passedCount >= Self.maxPassed
    }

    /// Fetches and appends the next devices; returns false when none are left.
    private mutating func addDevices(to bytes: inout [UInt8]) async throws -> Bool {
        var stored = try await readings.devices(after: last, limit: Self.maxStored)[...]
        var live = stream.devices(of: keys, after: last, limit: Self.maxLive)[...]
        let isStoredWhole = stored.count < Self.maxStored
        let isLiveWhole = live.count < Self.maxLive
        while !isFull {
            let nextStored = stored.first.map { DeviceKey(room: $0.room, device: $0.name) }
            let nextLive = live.first.map { DeviceKey(room: $0.room, device: $0.device.rawValue) }
            // Past the end of a batch that was cut by its limit, unfetched devices may sort in between.
            if nextStored == nil, !isStoredWhole { return true }
            if nextLive == nil, !isLiveWhole { return true }
            guard let next = [nextStored, nextLive].compactMap(\.self).min(by: DeviceKey.precedes) else {
                return false
            }
            let device = nextLive == next ? live.popFirst() : nil
            let known = nextStored == next ? stored.popFirst() : nil
            last = next
            if let device {
                append(device.json(firstSeen: known?.firstSeen), to: &bytes)
            } else if let known, visibility.canSee(room: known.room) {
                append(known.json, to: &bytes)
            } else {
                passedCount += 1
            }
        }
        return !(stored.isEmpty && live.isEmpty && isStoredWhole && isLiveWhole)
    }

    private mutating func append(_ json: [UInt8], to bytes: inout [UInt8]) {
        if hasDevices { bytes.append(UInt8(ascii: ",")) }
        hasDevices = true
        bytes += json
        byteCount += json.count
        left -= 1
    }
}
