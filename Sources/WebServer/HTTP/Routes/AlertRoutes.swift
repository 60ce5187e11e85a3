import Core
import Hummingbird
import Services
import Storage
import Telemetry

/// The routes under `/api/alerts`. They list the alerts of rooms that the token's `join` grants. Users whom an alert's
/// rule notifies, and tokens with `notify`, may also acknowledge and silence the alert.
struct AlertRoutes {
    private static let maxAlerts: Int64 = 500
    private static let maxSilence = Duration.seconds(366 * 86_400)

    let alerts: AlertService
    let maxBodyBytes: Int
    var clock: any WallClock = SystemWallClock()

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("alerts", use: list)
        group.post("alerts/{alert_id}/acknowledge", use: acknowledge)
        group.post("alerts/{alert_id}/silence", use: silence)
        group.delete("alerts/{alert_id}/silence", use: endSilence)
    }

    @Sendable private func list(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let grants = try context.requireIdentity().grants
        var query = AlertQuery(
            states: try states(of: request), device: request.query("device"), room: request.query("room_id"),
            rule: request.query("rule"), before: request.query("before"),
            limit: Int(try request.query("limit", in: 1...Self.maxAlerts, default: 100)))
        if request.query("from") != nil || request.query("to") != nil {
            query.range = try request.timeRange(to: Timestamp(nanosecondsSinceEpoch: .max)) { _ in
                Timestamp(nanosecondsSinceEpoch: .min)
            }
        }
        let page = try await alerts.page(query) { grants.canSee(room: $0) }
        var body = JSONObjectBuilder()
        var elements = JSONPage()
        let count = elements.add(contentsOf: page.alerts.lazy.map(AlertPayload.object))
        body.add("alerts", objects: elements.elements)
        let isCut = count < page.alerts.count
        body.add("has_more", page.next != nil || isCut)
        if let next = isCut ? page.alerts[count - 1].alertID : page.next { body.add("next", next) }
        return .json(body.finished())
    }

    private func states(of request: Request) throws -> [StoredAlert.State] {
        guard let text = request.query("state") else { return [] }
        if text == "active" { return [.pending, .firing] }
        guard let state = StoredAlert.State(rawValue: text) else {
            throw Problem(
                .badRequest, "\"state\" is \"\(text.prefix(64))\"; allowed: pending, firing, resolved, active.")
        }
        return [state]
    }

    // MARK: Acknowledging and silencing

    @Sendable private func acknowledge(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let (id, user) = try await alertToChange(context)
        return .json(AlertPayload.object(try await alerts.acknowledge(id, by: user)))
    }

    @Sendable private func silence(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let (id, user) = try await alertToChange(context)
        let body = try await request.jsonObject(upTo: maxBodyBytes, allowing: ["for"])
        guard let text = body["for"]?.stringValue, let duration = DurationText.parse(text), duration > .zero,
            duration <= Self.maxSilence
        else {
            throw Problem(.badRequest, "The body must be {\"for\":\"1h\"}, with a duration of at most one year.")
        }
        let until = clock.now().advanced(by: duration)
        return .json(AlertPayload.object(try await alerts.silence(id, until: until, by: user)))
    }

    @Sendable private func endSilence(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let (id, user) = try await alertToChange(context)
        return .json(AlertPayload.object(try await alerts.silence(id, until: nil, by: user)))
    }

    /// Returns the id of the alert in the path and the name of the caller, if the caller may change the alert. An alert
    /// that the caller may not see is reported as not found.
    private func alertToChange(_ context: GatewayRequestContext) async throws -> (id: String, user: UserID) {
        let identity = try context.requireIdentity()
        let id = context.parameters.get("alert_id") ?? ""
        guard let alert = try await alerts.alert(id), identity.grants.canSee(room: alert.room) else {
            throw Problem(.notFound, "Unknown alert \"\(id.prefix(64))\".")
        }
        guard identity.grants.canNotify || alerts.users(notifiedBy: alert.rule).contains(identity.user) else {
            throw Problem(
                .forbidden,
                "Only users named by the alert's rule and tokens with \"notify\": true may acknowledge or silence it."
            )
        }
        return (id, identity.user)
    }
}
