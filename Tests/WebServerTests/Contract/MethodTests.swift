import Foundation
import NIOCore
import TestSupport
import Testing

/// The methods of every path in the OpenAPI document.
@Suite("Methods of the API")
struct MethodTests {
    private static func paths() throws -> [(path: String, methods: Set<String>)] {
        let file = try PackageRoot.directory.appending(path: "dashboards/web/openapi.json")
        let document = try JSON(parsing: String(contentsOf: file, encoding: .utf8))
        return (document["paths"]?.object ?? [:]).map { path, operations in
            (path.replacing(/[{}]/, with: ""), Set((operations.object ?? [:]).keys.map { $0.uppercased() }))
        }
    }

    @Test("Other methods are answered with 405 and the documented ones, with and without a token")
    func others() async throws {
        let server = try await LiveServer()
        let token = try await server.token()
        for (path, methods) in try Self.paths() where path != "/ws" {
            for method in ["PATCH", "PUT", "OPTIONS", "TRACE"] {
                for headers in [[], [("Authorization", "Bearer \(token)")]] {
                    let answer = try await HTTPClientLite.request(method, server.url + path, headers: headers)
                    let allowed = methods.union(methods.contains("GET") ? ["HEAD"] : []).sorted()
                    #expect(answer.status == 405, "\(method) \(path)")
                    #expect(answer.header("allow") == allowed.joined(separator: ", "), "\(method) \(path)")
                    #expect(answer.header("content-type") == "application/problem+json")
                }
            }
        }
        #expect(try await server.get("/api/nothing", token: token).status == 404)
        try await server.stop()
    }

    @Test("HEAD is answered as GET is, without a body")
    func head() async throws {
        let server = try await LiveServer()
        let token = try await server.token("ann", join: ["#"], share: true)
        for (path, methods) in try Self.paths() where methods.contains("GET") {
            let headers = [("Authorization", "Bearer \(token)")]
            let get = try await server.get(path, headers: headers)
            let head = try await HTTPClientLite.request("HEAD", server.url + path, headers: headers)
            #expect(head.status == get.status, "\(path)")
            #expect(head.header("content-type") == get.header("content-type"), "\(path)")
            #expect(head.body.readableBytes == 0, "\(path)")
        }
        try await server.stop()
    }

    @Test(
        "A body with an unknown member is refused, with the member that was probably meant",
        arguments: [
            ("/api/rooms/messages", #"{"room_id":"chat/a","content":"x","idempotency_keys":"k"}"#, "idempotency_key"),
            ("/api/notifications", #"{"user_id":"ann","titel":"x"}"#, "title"),
            ("/api/notifications", #"{"user_id":"ann","title":"x","expires_a":"2090-01-01T00:00:00Z"}"#, "expires_at"),
            ("/api/shares", #"{"dashbord":"home"}"#, "dashboard"),
        ])
    func unknownMembers(path: String, body: String, meant: String) async throws {
        let server = try await LiveServer()
        let token = try await server.token("ann", join: ["#"], publish: ["#"], notify: true, share: true)
        let answer = try await server.post(path, token: token, body)
        #expect(answer.status == 400 && answer.text.contains("Unknown member"), "\(answer.text)")
        #expect(answer.text.contains(#"did you mean \"\#(meant)\"?"#), "\(answer.text)")
        try await server.stop()
    }
}
