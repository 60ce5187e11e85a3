import Core
import HTTPTypes
import Hummingbird
import Realtime
import Services
import Storage
import Telemetry

/// The routes under `/api/notifications`. They list a user's own notifications, and send notifications to users, to a
/// room's members, or to everybody. Sending requires the token's `notify`.
struct NotificationRoutes {
    private static let maxListed: Int64 = 200
    private static let audiences = ["user_id", "user_ids", "room_id", "everyone"]
    private static let contents = ["title", "body", "link", "priority", "expires_at", "idempotency_key"]

    let hub: Hub
    let notifications: NotificationService
    let entry: EntryTracer
    let maxBodyBytes: Int

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("notifications", use: list)
        group.post("notifications", use: send)
    }

    /// Lists the user's own notifications, newest first.
    @Sendable private func list(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let identity = try context.requireIdentity()
        let limit = try request.query("limit", in: 1...Self.maxListed, default: 50)
        let unread = request.query("unread") ?? "false"
        guard ["true", "false"].contains(unread) else {
            throw Problem(.badRequest, "\"unread\" is \"\(unread.prefix(64))\"; allowed: true, false.")
        }
        let page = try await notifications.page(
            of: identity.user, before: request.query("before"), unreadOnly: unread == "true", limit: Int(limit))
        var body = JSONObjectBuilder()
        body.add("unread", page.unreadCount)
        var elements = JSONPage()
        let count = elements.add(contentsOf: page.notifications.lazy.map(Self.json))
        body.add("notifications", objects: elements.elements)
        body.add("has_more", page.hasMore || count < page.notifications.count)
        return .json(body.finished())
    }

    @Sendable private func send(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let trace = RequestTrace(request, route: "/api/notifications", entry: entry)
        return try await trace.run { try await send(request, context, under: trace.context) }
    }

    private func send(
        _ request: Request, _ context: GatewayRequestContext, under trace: TraceContext?
    ) async throws -> Response {
        let identity = try context.requireIdentity()
        guard identity.grants.canNotify else {
            throw Problem(.forbidden, "The token does not allow sending notifications: its \"notify\" is not true.")
        }
        let body = try await request.jsonObject(upTo: maxBodyBytes, allowing: Self.audiences + Self.contents)
        let draft = try draft(in: body)
        let key = try ClientCommand(type: "notification", payload: body).idempotencyKey()
        let recipients = try await recipients(in: body, identity.grants)
        let sent = try await notifications.send(draft, to: recipients, from: identity.user, key: key, trace: trace)
        var answer = JSONObjectBuilder()
        answer.add("notification_id", sent.notificationID)
        answer.add("recipients", sent.recipientCount)
        return .json(answer.finished(), status: sent.isRepeated ? .ok : .created)
    }

    /// Returns the recipients, given by exactly one of `user_id`, `user_ids`, `room_id` and `everyone`.
    private func recipients(in body: JSONValue, _ grants: RoomGrants) async throws -> [UserID] {
        let named = Self.audiences.filter { body[$0] != nil && body[$0] != .null }
        guard named.count == 1, let field = named.first else {
            throw Problem(.badRequest, "Exactly one of user_id, user_ids, room_id and everyone is required.")
        }
        switch field {
        case "user_id": return [try ClientNames.user(body[field], in: field)]
        case "user_ids":
            guard let users = body[field]?.arrayValue, !users.isEmpty else {
                throw Problem(.badRequest, "\"user_ids\" must be a non-empty array of user names.")
            }
            return try users.map { try ClientNames.user($0, in: field) }
        case "room_id":
            let room = try ClientNames.room(body[field])
            guard grants.canJoin(room) else {
                throw Problem(.forbidden, "The token does not allow joining \(room), so it cannot notify the members.")
            }
            return hub.presence.snapshot().members(of: room.rawValue).keys.filter { !$0.isShare }
        default:
            guard body[field]?.boolValue == true else { throw Problem(.badRequest, "\"everyone\" must be true.") }
            return try await notifications.everybody()
        }
    }

    private func draft(in body: JSONValue) throws -> NotificationDraft {
        func text(_ name: String) throws -> String? {
            switch body[name] {
            case nil, .null: return nil
            case .string(let text): return text
            default: throw Problem(.badRequest, "\"\(name)\" must be a string.")
            }
        }
        var priority = NotificationDraft.Priority.normal
        if let name = try text("priority") {
            guard let known = NotificationDraft.Priority(rawValue: name) else {
                throw Problem(
                    .badRequest, "\"priority\" is \"\(name.prefix(64))\"; allowed: low, normal, high, critical.")
            }
            priority = known
        }
        var expiry: Timestamp?
        if let time = try text("expires_at") {
            guard let instant = Timestamp(iso8601: time) else {
                throw Problem(
                    .badRequest,
                    "\"expires_at\" is \"\(time.prefix(64))\"; expected RFC 3339 such as 2030-01-31T12:00:00Z.")
            }
            expiry = instant
        }
        return try NotificationDraft(
            title: try text("title") ?? "", body: try text("body") ?? "", link: try text("link"),
            priority: priority, expiresAt: expiry)
    }

    /// Returns the stored payload of a notification with `"read"` added.
    private static func json(_ notification: StoredNotification) -> [UInt8] {
        notification.payload.dropLast() + Array(",\"read\":\(notification.isRead)}".utf8)
    }
}
