import Core
import HTTPTypes
import Hummingbird
import Logging
import Services
import Telemetry
import Tracing

/// The server span of an HTTP request that publishes to rooms or users.
///
/// Source: OpenTelemetry semantic conventions, "HTTP server".
struct RequestTrace: Sendable {
    private let span: (any Span)?
    private let clock = SystemWallClock()

    /// The parent context for spans of the request's work; `nil` when the request is not sampled.
    var context: TraceContext? { span?.traceContext }

    /// Starts the span, if the request is sampled.
    ///
    /// - Parameter route: The path as registered, such as `/api/rooms/messages`.
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

    /// Runs `work` and ends the span with the status of its response or error.
    func run(_ work: () async throws -> Response) async throws -> Response {
        do {
            let response = try await work()
            finish(status: response.status.code)
            return response
        } catch {
            finish(status: Problem(thrown: error)?.status.code ?? 500)
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

/// A middleware that logs one line per request: method, path, status and duration. It never logs a query, header or
/// body, because they may hold secrets.
struct RequestLogMiddleware: RouterMiddleware {
    /// The first levels of the paths that are logged at info level. The others are files of the page, and what monitoring
    /// polls every few seconds.
    private static let logged: Set<Substring> = ["api", "v1", "ws"]

    let logger: Logger

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        let path = request.uri.path
        let root = path.split(separator: "/", maxSplits: 1).first ?? ""
        logger.log(
            level: Self.logged.contains(root) ? .info : .debug, "Request",
            metadata: [
                "method": "\(request.method)", "path": "\(path.prefix(256))", "status": "\(response.status.code)",
                "duration_ms": "\((ContinuousClock.now - start) / .milliseconds(1))",
            ])
        return response
    }
}
