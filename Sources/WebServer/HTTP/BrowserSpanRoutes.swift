import Hummingbird
import Services
import Telemetry

/// Where pages report the spans of deliveries that were traced: OTLP/HTTP with JSON, as a collector takes it.
///
/// Source: OTLP specification, "OTLP/HTTP": 200 with `partialSuccess` where some spans were not taken; 429 with
/// `Retry-After` where all were too many.
struct BrowserSpanRoutes {
    let spans: BrowserSpanService
    let maxBodyBytes: Int

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.post("traces", use: accept)
    }

    @Sendable private func accept(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let identity = try context.requireIdentity()
        let body = try await request.jsonObject(upTo: maxBodyBytes)
        let outcome: BrowserSpanService.Outcome
        do {
            outcome = try spans.accept(body, from: identity.user)
        } catch {
            throw Problem(error)
        }
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
