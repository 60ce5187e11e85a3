import Core
import Hummingbird
import Services
import Telemetry

/// Accepts spans of traced deliveries from web pages, as a collector does: OTLP/HTTP with JSON.
///
/// Source: OTLP specification, "OTLP/HTTP": 200 with `partialSuccess` when some spans were rejected; 429 with
/// `Retry-After` when all exceeded the limit.
struct BrowserSpanRoutes {
    let spans: BrowserSpanService
    let maxBodyBytes: Int

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.post("traces", use: accept)
    }

    @Sendable private func accept(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let identity = try context.requireIdentity()
        let body = try await request.jsonObject(upTo: maxBodyBytes)
        let outcome = try spans.accept(body, from: identity.user)
        var answer = JSONObjectBuilder()
        if outcome.rejected > 0 {
            var partial = JSONObjectBuilder()
            partial.add("rejectedSpans", "\(outcome.rejected)")
            partial.add("errorMessage", outcome.reason ?? "")
            answer.add("partialSuccess", object: partial.finished())
        }
        return .json(answer.finished())
    }
}
