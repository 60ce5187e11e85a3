import HTTPTypes
import Hummingbird
import Logging

/// Turns every thrown error into a problem response: known ones as they are, any other into a 500 that tells the
/// client nothing and the log everything. Nothing else suffers.
struct ProblemMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response
        } catch let error as HTTPError {
            return Problem(error.status, error.body ?? error.status.reasonPhrase, headers: error.headers).response
        } catch let error as any HTTPResponseError {
            return Problem(error.status, error.status.reasonPhrase).response
        } catch {
            context.logger.error(
                "A request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return Problem(.internalServerError, "The gateway failed to answer; its log says why.").response
        }
    }
}
