import HTTPTypes
import Hummingbird

/// Lets pages of listed origins call `/api` and `/v1` (the Fetch standard's CORS protocol). Tokens travel in headers,
/// never in cookies, so credentials are not allowed.
struct CrossOriginMiddleware: RouterMiddleware {
    let origins: OriginPolicy

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path
        guard path.hasPrefix("/api/") || path.hasPrefix("/v1/"), let origin = request.headers[.origin],
            origins.isListed(origin)
        else { return try await next(request, context) }
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
            return Response(
                status: .noContent,
                headers: [
                    .accessControlAllowOrigin: origin, .vary: "Origin",
                    .accessControlAllowMethods: "GET, POST, OPTIONS",
                    .accessControlAllowHeaders: "authorization, content-type", .accessControlMaxAge: "600",
                ])
        }
        var response = try await next(request, context)
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.vary] = "Origin"
        return response
    }
}
