import Core
import HTTPTypes
import Hummingbird
import NIOCore
import Realtime
import Services
import Telemetry

/// Endpoints of one room: its history, its members, and sending a message.
///
/// Reading requires a `join` grant that covers the room. Sending requires a `publish` grant that does.
struct RoomRoutes {
    private static let maxHistory: Int64 = 500
    private static let maxMembers: Int64 = 1000

    let hub: Hub
    let services: HubServices
    let maxBodyBytes: Int

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("rooms/history", use: history)
        group.get("rooms/members", use: members)
        group.post("rooms/messages", use: send)
    }

    /// Returns a page of envelopes in ascending order: the latest, those before an offset, or those after one.
    @Sendable private func history(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let room = try request.room()
        try check(context, mayRead: room)
        let user = try context.requireIdentity().user
        let limit = try request.query("limit", in: 1...Self.maxHistory, default: 50)
        let after = try request.query("after", in: 0...Int64.max, default: -1)
        let before = try request.query("before", in: 1...Int64.max, default: .max)
        guard after < 0 || before == .max else {
            throw Problem(.badRequest, "\"before\" and \"after\" must not be combined.")
        }
        let page = try await services.history.page(
            of: room.rawValue, after >= 0 ? .after(after) : .before(before), limit: Int(limit), for: user)
        return try await .parts(HistoryAnswer(page, of: services.history), type: "application/json")
    }

    /// Returns the users who have joined a room, by name or by a filter; sorted and paged.
    @Sendable private func members(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let room = try request.room()
        try check(context, mayRead: room)
        let limit = Int(try request.query("limit", in: 1...Self.maxMembers, default: 100))
        let after = request.query("after") ?? ""
        let members = hub.presence.snapshot().members(of: room.rawValue)
        let rest = members.keys.filter { $0.rawValue > after }.sorted()
        var page = JSONPage()
        let count = page.add(
            contentsOf: rest.prefix(limit).lazy.map { user in
                var member = JSONObjectBuilder()
                member.add("user_id", user.rawValue)
                member.add("clients", members[user] ?? 0)
                return member.finished()
            })
        var body = JSONObjectBuilder()
        body.add("room_id", room.rawValue)
        body.add("users", members.count)
        body.add("clients", members.values.reduce(0, +))
        body.add("members", objects: page.elements)
        if rest.count > count { body.add("next", rest[count - 1].rawValue) }
        return .json(body.finished())
    }

    /// Sends a message to a room on behalf of the token's user.
    @Sendable private func send(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let trace = RequestTrace(request, route: "/api/rooms/messages", entry: services.entry)
        return try await trace.run { try await send(request, context, under: trace.context) }
    }

    private func send(
        _ request: Request, _ context: GatewayRequestContext, under trace: TraceContext?
    ) async throws -> Response {
        let identity = try context.requireIdentity()
        let body = try await request.jsonObject(
            upTo: maxBodyBytes, allowing: ["room_id", "content", "idempotency_key"])
        let command = ClientCommand(type: "send_to_room", payload: body)
        let room = try command.room()
        try CommandRouter.checkPublishing(to: room, identity.grants, services.stream)
        let content = try command.content()
        let key = try command.idempotencyKey()
        let sent = try await withCheckedThrowingContinuation { continuation in
            services.chat.send(content, to: room.rawValue, from: identity.user, key: key, trace: trace) {
                continuation.resume(with: $0)
            }
        }
        var answer = JSONObjectBuilder()
        answer.add("message_id", sent.messageID)
        answer.add("offset", Int(sent.position.offset))
        answer.add("epoch", sent.position.epoch)
        return .json(answer.finished(), status: sent.isRepeated ? .ok : .created)
    }

    private func check(_ context: GatewayRequestContext, mayRead room: TopicFilter) throws {
        guard try context.requireIdentity().grants.canReadHistory(of: room) else {
            throw Problem(.forbidden, "The token does not allow joining \(room.rawValue).")
        }
    }
}

/// A page of a room's history that is read from the database while the client reads the answer.
private struct HistoryAnswer: StreamedBody {
    private let history: RoomHistory
    private var page: RoomHistory.Page
    private var hasBegun = false
    private var hasMessages = false
    private var isFinished = false

    init(_ page: RoomHistory.Page, of history: RoomHistory) {
        self.page = page
        self.history = history
    }

    mutating func next() async throws -> [UInt8]? {
        guard !isFinished else { return nil }
        var bytes: [UInt8] = []
        if !hasBegun {
            var head = JSONObjectBuilder()
            head.add("room_id", page.room)
            head.add("epoch", page.position.epoch)
            head.add("offset", Int(page.position.offset))
            bytes = head.finished().dropLast()
            JSONWriter.append(raw: ",\"messages\":[", to: &bytes)
            hasBegun = true
        }
        for message in try await history.messages(of: &page) {
            if hasMessages { bytes.append(UInt8(ascii: ",")) }
            hasMessages = true
            bytes += EnvelopeEncoder.json(message)
        }
        if page.offsets == nil {
            JSONWriter.append(raw: "],\"has_more\":", to: &bytes)
            bytes += Array("\(page.hasMore)}".utf8)
            isFinished = true
        }
        return bytes
    }
}
