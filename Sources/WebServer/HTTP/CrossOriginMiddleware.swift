import HTTPTypes
import Hummingbird

/// Lets pages of listed origins call `/api` and `/v1` and import the client library (the Fetch standard's CORS
/// protocol). Tokens travel in headers, never in cookies, so credentials are not allowed.
struct CrossOriginMiddleware: RouterMiddleware {
    private static let prefixes = ["/api/", "/v1/", "/windsock-client.js", "/client/"]

    let origins: OriginPolicy

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        guard Self.prefixes.contains(where: request.uri.path.hasPrefix), let origin = request.headers[.origin],
            origins.isListed(origin)
        else { return try await next(request, context) }
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
            return Response(
                status: .noContent,
                headers: [
                    .accessControlAllowOrigin: origin, .vary: "Origin",
                    .accessControlAllowMethods: "GET, POST, DELETE, OPTIONS",
                    .accessControlAllowHeaders: "authorization, content-type", .accessControlMaxAge: "600",
                ])
        }
        var response = try await next(request, context)
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.vary] = "Origin"
        return response
    }
}
