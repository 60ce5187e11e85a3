import Core
import Hummingbird
import Services
import Telemetry

/// The route `POST /v1/traces`. Like an OpenTelemetry collector, it accepts OTLP/HTTP with JSON: the spans that web
/// pages record for traced messages they receive.
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
        let result = try spans.accept(body, from: identity.user)
        var answer = JSONObjectBuilder()
        if result.rejected > 0 {
            var partial = JSONObjectBuilder()
            partial.add("rejectedSpans", "\(result.rejected)")
            partial.add("errorMessage", result.reason ?? "")
            answer.add("partialSuccess", object: partial.finished())
        }
        return .json(answer.finished())
    }
}
