import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A middleware that applies rules of RFC 9110 to every answer, from routes and files alike.
///
/// - A path that no file or route can have is answered with 400, without a lookup.
/// - Ranges are ignored: every answer is complete (section 14.2 allows it).
/// - A method that a path does not support is answered with 405 and the supported methods (section 15.5.6).
/// - The answer to HEAD has the headers of the answer to GET (section 9.3.2). ``HTTPConnectionGuard`` removes its body.
struct HTTPSemantics: RouterMiddleware {
    let routes: RouteTable

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        guard Self.isPlausible(request.uri.path) else {
            throw Problem(
                .badRequest, "The path begins with //, or has control characters or invalid percent-encoding.")
        }
        var head = request.head
        head.headerFields[.range] = nil
        let request = Request(head: head, body: request.body)
        do {
            var response = try await next(request, context)
            response.headers[.acceptRanges] = nil
            // The length of a streamed answer is unknown.
            if request.method == .head, response.body.contentLength == nil {
                response.headers[.transferEncoding] = "chunked"
            }
            return response
        } catch let error as HTTPError where error.status == .notFound {
            var methods = routes.methods(of: request.uri.path)
            if methods.isEmpty, ![.get, .head].contains(request.method) {
                head.method = .head
                let file = try? await next(Request(head: head, body: .init(buffer: ByteBuffer())), context)
                if file?.status == .ok { methods = ["GET", "HEAD"] }
            }
            guard !methods.isEmpty else { throw error }
            throw Problem(
                .methodNotAllowed,
                "\(request.method) is not allowed for \(request.uri.path.prefix(256)); "
                    + "allowed: \(methods.joined(separator: ", ")).",
                headers: [.allow: methods.joined(separator: ", ")])
        }
    }

    /// Returns true for a path that can name a route or a file. Control characters are refused because file names
    /// contain none, and a leading `//` because a redirect to such a path would lead to another host. Compares bytes,
    /// because a combining mark after `//` would merge with the slash into one character.
    private static func isPlausible(_ path: String) -> Bool {
        guard let decoded = path.removingPercentEncoding?.utf8 else { return false }
        return !decoded.starts(with: "//".utf8) && decoded.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}

/// The methods that each route's path supports, for 405 answers.
///
/// `@unchecked Sendable`: filled once, after all routes are registered and before the first request.
final class RouteTable: @unchecked Sendable {
    private var routes: [(levels: [Substring], method: String)] = []

    func fill(from router: Router<GatewayRequestContext>) {
        routes = router.routes.map { route in
            (route.path.description.split(separator: "/"), route.method.rawValue)
        }
    }

    /// Returns the methods of a path, sorted, with HEAD beside GET; empty when no route matches.
    func methods(of path: String) -> [String] {
        let levels = path.split(separator: "/")
        let methods = routes.filter { route in
            route.levels.count == levels.count
                && zip(route.levels, levels).allSatisfy { $0 == $1 || $0.hasPrefix(":") || $0.hasPrefix("{") }
        }.map(\.method)
        return Set(methods + (methods.contains("GET") ? ["HEAD"] : [])).sorted()
    }
}
