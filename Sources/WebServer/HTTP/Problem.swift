import Core
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Services
import Telemetry

/// An error response (RFC 9457, `application/problem+json`).
package struct Problem: Error, Sendable {
    let status: HTTPResponse.Status
    /// The explanation for the person who made the request: what is wrong and what is allowed.
    let detail: String
    var headers: HTTPFields

    init(_ status: HTTPResponse.Status, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    /// The complete response.
    var response: Response {
        Response(status: status, headers: typedHeaders, body: ResponseBody(byteBuffer: body))
    }

    /// The head of the response, for use outside of the router.
    var head: HTTPResponse {
        var headers = typedHeaders
        headers[.contentLength] = "\(body.readableBytes)"
        return HTTPResponse(status: status, headerFields: headers)
    }

    var body: ByteBuffer {
        var body = JSONObjectBuilder()
        body.add("type", "about:blank")
        body.add("title", status.reasonPhrase)
        body.add("status", status.code)
        body.add("detail", detail)
        return ByteBuffer(bytes: body.finished())
    }

    private var typedHeaders: HTTPFields {
        var headers = self.headers
        headers[.contentType] = "application/problem+json"
        return headers
    }
}

extension Problem {
    /// Creates the response to an error thrown by a route; `nil` for an unexpected error, whose details no client
    /// should see.
    init?(thrown error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as RequestError: self.init(error)
        case let error as CommandError: self.init(error)
        case let error as HTTPError:
            self.init(error.status, error.body ?? error.status.reasonPhrase, headers: error.headers)
        case let error as any HTTPResponseError: self.init(error.status, error.status.reasonPhrase)
        default: return nil
        }
    }

    /// Creates the response to an error of a service.
    init(_ error: RequestError) {
        switch error.kind {
        case .invalid: self.init(.badRequest, error.description)
        case .tooLarge: self.init(.contentTooLarge, error.description)
        case .conflict: self.init(.conflict, error.description)
        case .notFound: self.init(.notFound, error.description)
        case .rateLimited: self.init(.tooManyRequests, error.description, headers: [.retryAfter: "1"])
        case .overloaded: self.init(.serviceUnavailable, error.description, headers: [.retryAfter: "1"])
        case .storage: self.init(.serviceUnavailable, error.description, headers: [.retryAfter: "5"])
        }
    }

    /// Creates the response to an error of a command.
    init(_ error: CommandError) {
        switch error.code {
        case .forbidden: self.init(.forbidden, error.message)
        case .tooLarge: self.init(.contentTooLarge, error.message)
        case .notFound: self.init(.notFound, error.message)
        case .conflict: self.init(.conflict, error.message)
        case .overloaded, .rateLimited: self.init(.serviceUnavailable, error.message, headers: [.retryAfter: "1"])
        case .badRequest, .unknownType, .notJoined: self.init(.badRequest, error.message)
        case .expired: self.init(.unauthorized, error.message)
        case .internal: self.init(.internalServerError, error.message)
        }
    }
}

/// A middleware that turns every thrown error into a ``Problem`` response. An unexpected error becomes a 500 without
/// details, which are only logged.
struct ProblemMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            if let problem = Problem(thrown: error) { return problem.response }
            context.logger.error(
                "A request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return Problem(.internalServerError, "Internal error; the cause is in the gateway's log.").response
        }
    }
}
