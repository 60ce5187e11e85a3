import Core
import HTTPTypes
import Hummingbird
import Telemetry

/// The route `POST /api/tickets`, which issues tickets. A ticket is used in a URL in place of a token, because URLs end
/// up in logs. It is valid once; see ``TicketStore``.
struct TicketRoutes {
    let tickets: TicketStore

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.post("tickets", use: issue)
    }

    @Sendable private func issue(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let identity = try context.requireIdentity()
        let ticket: String
        do {
            ticket = try tickets.issue(for: identity)
        } catch {
            let status: HTTPResponse.Status =
                if case .overloaded = error { .serviceUnavailable } else { .tooManyRequests }
            throw Problem(status, "\(error)", headers: [.retryAfter: "30"])
        }
        var body = JSONObjectBuilder()
        body.add("ticket", ticket)
        body.add("expires_in", Int(TicketStore.lifetime.components.seconds))
        return .json(body.finished(), status: .created)
    }
}
