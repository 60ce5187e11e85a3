import Foundation
import TestSupport
import Testing
import WebSocketClient

@testable import WebServer

/// HTTP on the shared port: authentication, visibility, and isolation of failures.
@Suite("HTTP, live", .serialized)
struct LiveHTTPTests {
    private static func refusal(_ body: () async throws -> WebSocketClient) async -> (status: Int, body: String)? {
        do {
            _ = try await body()
            return nil
        } catch WebSocketClientError.refused(let status, let body) {
            return (status, body)
        } catch {
            return nil
        }
    }

    @Test("A handshake without a valid token gets 401, with a foreign origin 403, as problem JSON")
    func handshakeRefusals() async throws {
        let server = try await LiveServer()
        let url = "ws://127.0.0.1:\(server.port)/ws"
        let missing = await Self.refusal { try await WebSocketClient.connect(url: url) }
        #expect(missing?.status == 401)
        let problem = try JSON(parsing: try #require(missing?.body))
        #expect(problem["status"]?.number == 401)
        #expect(problem["title"]?.string == "Unauthorized")
        let wrong = await Self.refusal { try await WebSocketClient.connect(url: "\(url)?token=nonsense") }
        #expect(wrong?.status == 401)
        let expired = try await server.token(lifetime: .seconds(-10))
        let late = await Self.refusal { try await server.client(token: expired) }
        #expect(late?.status == 401)
        let origin = await Self.refusal { try await server.client(headers: [("Origin", "https://evil.example")]) }
        #expect(origin?.status == 403)
        let plain = try await server.get("/ws")
        #expect(plain.status == 426)
        #expect(plain.header("upgrade") == "websocket")
        // A client cannot forge the gateway's internal header.
        let forged = try await server.get("/ws", headers: [("windsock-upgrade-refusal", "200 fine")])
        #expect(forged.status == 426)
        try await server.stop()
    }

    @Test("The API requires a token, and shows only what it grants")
    func grants() async throws {
        let server = try await LiveServer()
        try server.publish("a", [("temperature", 21.5)])
        try server.publish("b", [("temperature", 22.5)])
        for path in ["/api/online", "/api/rooms", "/api/devices", "/api/dashboards"] {
            let answer = try await server.get(path)
            #expect(answer.status == 401, "\(path)")
            #expect(answer.header("content-type") == "application/problem+json")
        }
        let token = try await server.token("anna", join: ["sensors/a"])
        let client = try await server.client(token: token)
        _ = try await client.nextJSON("welcome") { $0["type"]?.string == "welcome" }
        #expect(try await server.get("/api/online", token: token).json["online_users"] == ["anna"])
        let devices = try await server.get("/api/devices", token: token).json["devices"]?.array ?? []
        #expect(devices.map { $0["device"]?.string } == ["a"])
        #expect(devices.first?["data"]?["temperature"]?.number == 21.5)
        let rooms = try await server.get("/api/rooms", token: token).json["rooms"]?.array ?? []
        #expect(rooms.map { $0["room_id"]?.string } == ["sensors/a"])
        try await server.stop()
    }

    @Test("/livez, /readyz and /metrics report the state; an unknown path is problem JSON")
    func health() async throws {
        let server = try await LiveServer()
        #expect(try await server.get("/livez").status == 200)
        try await eventually("the connection to the broker has failed") {
            let ready = try await server.get("/readyz")
            #expect(ready.status == 503)
            let check = try ready.json["checks"]?["mqtt"]
            return check?["status"]?.string == "waiting" && check?["reason"]?.string?.contains("broker") == true
        }
        #expect(try await server.get("/metrics").text.contains("\nwindsock_mqtt_connected 0\n"))
        let missing = try await server.get("/nothing")
        #expect(missing.status == 404)
        #expect(missing.header("content-type") == "application/problem+json")
        let policy = missing.header("content-security-policy") ?? ""
        #expect(
            policy.contains("default-src 'self'; connect-src 'self'; "), "the page may connect to its own gateway only")
        try await server.stop()
    }

    @Test("The content security policy names the origins that may frame the page")
    func frameAncestors() async throws {
        for sources in [["'self'"], ["'none'"], ["'self'", "https://wiki.example"]] {
            let server = try await LiveServer(frameAncestors: sources)
            let policy = try await server.get("/").header("content-security-policy") ?? ""
            #expect(policy.hasSuffix("; frame-ancestors \(sources.joined(separator: " "))"))
            try await server.stop()
        }
    }

    @Test("The page is served from its folder, and no file outside of it")
    func files() async throws {
        let folder = try TemporaryFolder()
        let web = folder.url.appending(path: "web")
        try FileManager.default.createDirectory(at: web, withIntermediateDirectories: true)
        try folder.write("<h1>page</h1>", to: "web/index.html")
        try folder.write("secret", to: "secret.txt")
        let server = try await LiveServer(webDirectory: web.path)
        let page = try await server.get("/")
        #expect(page.status == 200)
        #expect(page.header("content-type")?.hasPrefix("text/html") == true)
        #expect(page.header("x-content-type-options") == "nosniff")
        _ = try await server.get("/api/online")
        let calls = server.log.lines(with: "Request ").filter { $0.contains("path=/api/") }
        #expect(!calls.isEmpty && calls.allSatisfy { $0.hasPrefix("info") }, "\(calls)")
        let requests = server.log.lines(with: "Request ").filter { $0.contains("path=/ ") }
        #expect(!requests.isEmpty && requests.allSatisfy { $0.hasPrefix("debug") }, "\(requests)")
        for path in [
            "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/vendor/chart.js/../../../etc/passwd",
        ] {
            let answer = try await server.get(path)
            #expect(answer.status >= 400, "\(path)")
            #expect(!answer.text.contains("secret\n") && !answer.text.contains("root:"))
        }
        try await server.stop()
    }

    @Test("Too large a head is answered with 431, also in the first request")
    func largeHead() async throws {
        let server = try await LiveServer()
        let large = try await server.get("/livez", headers: [("A", String(repeating: "x", count: 40_000))])
        #expect(large.status == 431)
        try await server.stop()
    }

    @Test("Allowed origins get CORS headers on the API, others do not")
    func cors() async throws {
        let server = try await LiveServer(allowedOrigins: ["https://dash.example"])
        let token = try await server.token()
        let listed = try await server.get("/api/online", token: token, headers: [("Origin", "https://dash.example")])
        #expect(listed.header("access-control-allow-origin") == "https://dash.example")
        let refused = try await server.get("/api/online", headers: [("Origin", "https://dash.example")])
        #expect(refused.status == 401)
        #expect(refused.header("access-control-allow-origin") == "https://dash.example", "errors are readable, too")
        let other = try await server.get("/api/online", token: token, headers: [("Origin", "https://evil.example")])
        #expect(other.header("access-control-allow-origin") == nil)
        let preflight = try await HTTPClientLite.request(
            "OPTIONS", "\(server.url)/api/online",
            headers: [("Origin", "https://dash.example"), ("Access-Control-Request-Method", "GET")])
        #expect(preflight.status == 204)
        try await server.stop()
    }
}
