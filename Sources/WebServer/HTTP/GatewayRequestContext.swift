import HTTPTypes
import Hummingbird

/// Hummingbird's request context together with the identity of the caller.
struct GatewayRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The caller, set by ``BearerAuthentication``; `nil` on routes without it.
    var identity: Identity?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
    }

    /// Returns the identity of the caller.
    ///
    /// - Throws: ``Problem`` (401) on a route without ``BearerAuthentication``.
    func requireIdentity() throws -> Identity {
        guard let identity else { throw Problem(.unauthorized, "A token is required.") }
        return identity
    }
}

/// A middleware that requires a valid `Authorization: Bearer` token (RFC 6750), signed or of a share, and stores its
/// identity in the request's context.
struct BearerAuthentication: RouterMiddleware {
    let authenticator: Authenticator

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        guard let token = CredentialExtractor.token(inAuthorization: request.headers[.authorization]) else {
            throw Problem(
                .unauthorized, "A token is required: send \"Authorization: Bearer <token>\".",
                headers: [.wwwAuthenticate: "Bearer"])
        }
        var context = context
        do throws(AuthenticationError) {
            context.identity = try await authenticator.identity(of: .token(token))
        } catch {
            throw Problem(
                .unauthorized, "\(error)", headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
        }
        return try await next(request, context)
    }
}
