import Core
import Hummingbird
import Services
import Storage
import Telemetry

/// The routes under `/api/shares`, for tokens with `share`. They create, list and revoke the share links of dashboards
/// whose rooms the token may join.
struct ShareRoutes {
    private static let maxListed: Int64 = 1000
    private static let nameLengths = 1...80
    private static let maxNameBytes = 320
    private static let lifetimes = Duration.seconds(60)...(.seconds(366 * 86_400))
    private static let defaultLifetime = Duration.seconds(30 * 86_400)

    let shares: ShareStore
    let dashboards: @Sendable () -> ServedDashboards
    let maxBodyBytes: Int

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("shares", use: list)
        group.post("shares", use: create)
        group.delete("shares/{share_id}", use: revoke)
    }

    /// Lists shares, sorted by id and paged. The answer has no tokens; only
    /// their hashes are stored.
    @Sendable private func list(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let identity = try sharer(context)
        let limit = Int(try request.query("limit", in: 1...Self.maxListed, default: 100))
        let after = request.query("after") ?? ""
        let dashboard = request.query("dashboard")
        let found = shares.all().filter { share in
            share.stored.shareID > after && (dashboard == nil || share.stored.dashboard == dashboard)
                && Self.mayManage(identity, share)
        }
        var page = JSONPage()
        let count = page.add(contentsOf: found.prefix(limit).lazy.map { Self.object($0).finished() })
        var body = JSONObjectBuilder()
        body.add("shares", objects: page.elements)
        if count < found.count { body.add("next", found[count - 1].stored.shareID) }
        return .json(body.finished())
    }

    @Sendable private func create(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let identity = try sharer(context)
        let body = try await request.jsonObject(upTo: maxBodyBytes, allowing: ["dashboard", "name", "ttl"])
        guard let id = body["dashboard"]?.stringValue else {
            throw Problem(.badRequest, "\"dashboard\" must be the id of a dashboard, such as \"greenhouse\".")
        }
        let name = try name(in: body)
        let lifetime = try lifetime(in: body)
        guard let dashboard = dashboards().dashboard(id) else {
            throw Problem(.notFound, "Unknown dashboard \"\(id.prefix(64))\".")
        }
        if let room = dashboard.rooms.first(where: { !identity.grants.canJoin($0) }) {
            throw Problem(.forbidden, "The token does not allow joining \(room), a room of the dashboard.")
        }
        let (share, token) = try await shares.create(for: dashboard, name: name, lifetime: lifetime, by: identity.user)
        var answer = Self.object(share)
        answer.add("token", token)
        answer.add("link", "/?dashboard=\(dashboard.id)#token=\(token)")
        return .json(answer.finished(), status: .created)
    }

    /// Revokes a share. One that the token may not see is reported as not found.
    @Sendable private func revoke(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let identity = try sharer(context)
        let id = context.parameters.get("share_id") ?? ""
        guard let share = shares.all().first(where: { $0.stored.shareID == id }), Self.mayManage(identity, share) else {
            throw Problem(.notFound, "Unknown share \"\(id.prefix(64))\".")
        }
        try await shares.revoke(share)
        return .json(Self.object(share).finished())
    }

    private func sharer(_ context: GatewayRequestContext) throws -> Identity {
        let identity = try context.requireIdentity()
        guard identity.grants.canShare else {
            throw Problem(.forbidden, "The token does not allow sharing dashboards: its \"share\" is not true.")
        }
        return identity
    }

    private static func mayManage(_ identity: Identity, _ share: Share) -> Bool {
        share.stored.createdBy == identity.user || share.rooms.allSatisfy(identity.grants.canJoin)
    }

    private func name(in body: JSONValue) throws -> String? {
        guard let value = body["name"], !value.isNull else { return nil }
        guard let name = value.stringValue, Self.nameLengths.contains(name.count),
            name.utf8.count <= Self.maxNameBytes,
            name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else {
            throw Problem(.badRequest, "\"name\" must be a text of 1 to 80 characters without control characters.")
        }
        return name
    }

    private func lifetime(in body: JSONValue) throws -> Duration {
        guard let value = body["ttl"], !value.isNull else { return Self.defaultLifetime }
        guard let text = value.stringValue, let lifetime = DurationText.parse(text), Self.lifetimes.contains(lifetime)
        else { throw Problem(.badRequest, "\"ttl\" must be a duration from 1m to 366d, such as 12h or 7d.") }
        return lifetime
    }

    private static func object(_ share: Share) -> JSONObjectBuilder {
        let stored = share.stored
        var object = JSONObjectBuilder()
        object.add("share_id", stored.shareID)
        object.add("dashboard", stored.dashboard)
        if let name = stored.name { object.add("name", name) }
        object.add("rooms", array: stored.rooms)
        object.add("created_by", stored.createdBy.rawValue)
        object.add("created_at", time: stored.createdAt)
        object.add("expires_at", time: stored.expiresAt)
        return object
    }
}
