import HTTPTypes
import Hummingbird
import NIOCore

/// A middleware that limits the clients of a share to the requests that their dashboard needs. A new route is therefore
/// closed to them until it is listed here.
///
/// When the share is revoked, an answer that is still being written is cut off.
struct ShareAccess: RouterMiddleware {
    private static let paths: Set<String> = [
        "/api/dashboards", "/api/devices", "/api/readings", "/api/rooms/history",
    ]

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        guard let share = context.identity?.share else { return try await next(request, context) }
        guard request.method == .get || request.method == .head, let path = context.endpointPath,
            Self.paths.contains(path)
        else {
            throw Problem(
                .forbidden, "A share link may only read its dashboard, and the readings and history of its rooms.")
        }
        var response = try await next(request, context)
        let body = response.body
        guard body.contentLength.map({ $0 > Response.portionByteCount }) ?? true else { return response }
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            try await body.write(RevocableWriter(writer: writer, share: share))
        }
        return response
    }
}

/// A writer of response bodies that fails once the share is revoked.
private struct RevocableWriter: ResponseBodyWriter {
    var writer: any ResponseBodyWriter
    let share: Share

    mutating func write(_ buffer: ByteBuffer) async throws {
        guard !share.isRevoked else { throw AuthenticationError.unknownShare }
        try await writer.write(buffer)
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        try await writer.finish(trailingHeaders)
    }
}
