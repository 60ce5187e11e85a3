import Hummingbird
import Realtime
import Services
import Storage
import Telemetry

/// What people and pages ask about the stream: who is online, which rooms and devices there are. Answers hold only
/// what the token's `join` grants.
struct StreamRoutes {
    /// The most rooms that one answer lists.
    static let maxListedRooms = 10_000
    /// The most devices, of those that the token may see, that are looked up for when they were first heard.
    private static let maxStoredDevices = 20_000

    let hub: Hub
    let stream: DataStreamService
    let readings: ReadingHistory
    /// `{"dashboards":[…]}`
    let dashboards: @Sendable () -> [UInt8]

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("online", use: online)
        group.get("rooms", use: rooms)
        group.get("devices", use: devices)
        group.get("dashboards") { _, _ in Response.json(dashboards()) }
    }

    /// Users in rooms that the token grants, and the token's own; for a token that may join `#`, everybody.
    @Sendable private func online(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let identity = try context.requireIdentity()
        var users = hub.presence.onlineUsers()
        if !identity.grants.canJoinEverything {
            let seen = Set(hub.presence.onlineUsers(joinedBy: identity.grants.canJoin))
            users = users.filter { seen.contains($0) || $0 == identity.user }
        }
        var body = JSONObjectBuilder()
        body.add("online_users", array: users)
        return .json(body.finished())
    }

    /// Rooms that somebody joined or that readings came for, each with who joined it by name or by a filter.
    @Sendable private func rooms(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let grants = try context.requireIdentity().grants
        let joined = hub.presence.joinedFilters().filter { !RoomGrants.isInbox($0.filter) }
        let filters = joined.filter { !$0.filter.isName }
        var members: [String: PresenceRegistry.Members] = [:]
        for device in stream.devices(where: grants.canSee) { members[device.room] = PresenceRegistry.Members() }
        for (filter, count) in joined where filter.isName && grants.canSee(room: filter.rawValue) {
            members[filter.rawValue] = count
        }
        var bytes: [UInt8] = []
        JSONWriter.append(raw: "{\"rooms\":[", to: &bytes)
        for (index, (room, named)) in members.sorted(by: { $0.key < $1.key }).prefix(Self.maxListedRooms).enumerated() {
            let matching = filters.filter {
                $0.filter.matches(room, protecting: RoomGrants.protectedFirstLevels)
            }
            var object = JSONObjectBuilder()
            object.add("room_id", room)
            object.add("clients", matching.reduce(named.clients) { $0 + $1.members.clients })
            if let filter = try? TopicFilter(room) { object.add("telemetry", stream.isTelemetry(filter)) }
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += object.finished()
        }
        JSONWriter.append(raw: "]}", to: &bytes)
        return .json(bytes)
    }

    /// Devices that spoke since the start with their latest readings, and those that did before.
    @Sendable private func devices(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let grants = try context.requireIdentity().grants
        let known: [StoredDevice]
        do {
            known = try await readings.devices(
                where: grants.canSee(room:), limit: Self.maxStoredDevices)
        } catch {
            throw Problem(error)
        }
        var firstSeen: [String: [String: StoredDevice]] = [:]
        for device in known {
            firstSeen[device.room, default: [:]][device.name] = device
        }
        var bytes: [UInt8] = []
        JSONWriter.append(raw: "{\"devices\":[", to: &bytes)
        var isFirst = true
        func append(_ json: [UInt8]) {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            bytes += json
        }
        for device in stream.devices(where: grants.canSee) {
            let stored = firstSeen[device.room]?.removeValue(forKey: device.device.rawValue)
            append(device.json(firstSeen: stored?.firstSeen))
        }
        for device in known where firstSeen[device.room]?[device.name] != nil { append(device.json) }
        JSONWriter.append(raw: "]}", to: &bytes)
        return .json(bytes)
    }
}
