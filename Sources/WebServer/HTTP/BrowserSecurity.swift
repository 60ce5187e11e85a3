import HTTPTypes
import Hummingbird

/// The origins whose pages may use the gateway: its own and the listed ones.
package struct OriginPolicy: Sendable {
    private let allowed: Set<String>

    /// Creates a policy.
    ///
    /// - Parameters:
    ///   - publicOrigin: The gateway's own origin as browsers see it behind a proxy.
    ///   - allowed: Further origins, such as `https://dash.example.org`. `null` counts as an origin.
    package init(publicOrigin: String?, allowed: [String]) {
        self.allowed = Set((allowed + [publicOrigin].compactMap(\.self)).map(Self.normalized))
    }

    /// Returns true when a page of this origin may connect. A request without an origin does not come from a browser's
    /// page; it is allowed, because its token is checked anyway.
    package func allows(origin: String?, host: String?) -> Bool {
        guard let origin = origin.map(Self.normalized) else { return true }
        if allowed.contains(origin) { return true }
        guard origin != "null", let host else { return false }
        return origin == Self.normalized("http://\(host)") || origin == Self.normalized("https://\(host)")
    }

    /// Returns true for the public origin and the further allowed ones, whose pages get CORS headers.
    package func isListed(_ origin: String) -> Bool {
        allowed.contains(Self.normalized(origin))
    }

    private static func normalized(_ origin: String) -> String {
        var text = origin.lowercased()
        while text.hasSuffix("/") { text.removeLast() }
        if text.hasPrefix("http://"), text.hasSuffix(":80") { text.removeLast(3) }
        if text.hasPrefix("https://"), text.hasSuffix(":443") { text.removeLast(4) }
        return text
    }
}

/// A middleware that adds CORS headers (the Fetch standard) for pages of listed origins. Such pages may call `/api` and
/// `/v1` and import the client library. Tokens travel in headers, never in cookies, so credentials are not allowed.
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

/// A middleware that adds security headers to every answer. Pages may load only same-origin content and `data:` images,
/// and only the configured origins may frame them. MIME sniffing and referrers are disabled, and so is caching unless
/// the route allows it.
struct SecurityHeaders: RouterMiddleware {
    private let policy: String

    /// - Parameter frameAncestors: The sources of the directive `frame-ancestors` (CSP Level 3, section 6.4.2).
    init(frameAncestors: [String]) {
        policy =
            "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
            + "object-src 'none'; base-uri 'none'; form-action 'self'; "
            + "frame-ancestors \(frameAncestors.joined(separator: " "))"
    }

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = policy
        response.headers[.xContentTypeOptions] = "nosniff"
        if let name = HTTPField.Name("referrer-policy") { response.headers[name] = "no-referrer" }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }
}
