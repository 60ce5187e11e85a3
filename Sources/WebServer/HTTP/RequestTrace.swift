import HTTPTypes
import Hummingbird
import Services
import Telemetry
import Tracing

/// The server span of an HTTP request that says something to rooms or users.
///
/// Source: semantic conventions, "HTTP server".
struct RequestTrace: Sendable {
    private let span: (any Span)?
    private let clock = SystemWallClock()

    /// What carries the request out comes under this; `nil` when it is not recorded.
    var context: TraceContext? { span?.traceContext }

    /// - Parameter route: the path as it is registered, such as `/api/rooms/messages`.
    init(_ request: Request, route: String, entry: EntryTracer) {
        let header = { HTTPField.Name($0).flatMap { request.headers[$0] } }
        let origin = header("traceparent").flatMap { TraceContext(traceparent: $0, state: header("tracestate")) }
        span = entry.begin(
            "\(request.method.rawValue) \(route)", from: origin, ofKind: .server, at: clock.now())
        span?.updateAttributes { attributes in
            attributes["http.request.method"] = request.method.rawValue
            attributes["http.route"] = route
            attributes["url.path"] = request.uri.path
        }
    }

    /// Answers with what `work` makes, and notes how that went.
    func run(_ work: () async throws -> Response) async throws -> Response {
        do {
            let response = try await work()
            finish(status: response.status.code)
            return response
        } catch {
            finish(status: (error as? Problem)?.status.code ?? (error as? any HTTPResponseError)?.status.code ?? 500)
            throw error
        }
    }

    private func finish(status: Int) {
        guard let span else { return }
        span.updateAttributes { $0["http.response.status_code"] = status }
        if status >= 500 { span.setStatus(SpanStatus(code: .error)) }
        span.end(at: clock.now())
    }
}
