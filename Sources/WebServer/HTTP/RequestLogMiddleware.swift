import HTTPTypes
import Hummingbird
import Logging

/// One line a request: method, path, status and duration. Never a query, a header or a body: they may hold secrets.
struct RequestLogMiddleware: RouterMiddleware {
    /// Asked every few seconds by machines; logged at debug only.
    private static let frequent: Set<String> = ["/livez", "/readyz", "/metrics"]

    let logger: Logger

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        let path = request.uri.path
        logger.log(
            level: Self.frequent.contains(path) ? .debug : .info, "Request",
            metadata: [
                "method": "\(request.method)", "path": "\(path.prefix(256))", "status": "\(response.status.code)",
                "duration_ms": "\((ContinuousClock.now - start) / .milliseconds(1))",
            ])
        return response
    }
}
