import HTTPTypes
import Hummingbird

/// Lets a request through only with a valid `Authorization: Bearer` token (RFC 6750), and says whose it is.
struct BearerAuthentication: RouterMiddleware {
    let authority: TokenAuthority

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        guard let token = TokenSource.token(inAuthorization: request.headers[.authorization]) else {
            throw Problem(
                .unauthorized, "Send \"Authorization: Bearer <token>\".", headers: [.wwwAuthenticate: "Bearer"])
        }
        var context = context
        do throws(AuthenticationError) {
            context.identity = try await authority.identity(of: token)
        } catch {
            throw Problem(
                .unauthorized, "\(error)", headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
        }
        return try await next(request, context)
    }
}
