import AlertRules
import Core
import Foundation
import OTLP
import Realtime
import Services
import Telemetry
import TestSupport
import Testing
import WebSocketClient

/// The served API documents match the gateway: they cover everything it sends and describe nothing that it does not.
@Suite("API contract", .serialized)
struct ContractTests {
    @Test("Every documented HTTP operation responds as documented, including errors")
    func http() async throws {
        let spanLog = SpanLog()
        let server = try await LiveServer(
            dashboards: ShareFixture.dashboards, webDirectory: try Self.webDirectory(), alertRules: [Self.hot],
            spans: spanLog)
        let document = try await server.get("/openapi.json").json
        let checker = SchemaChecker(document: document)
        let tab = try await server.tab("ann")
        _ = try await tab.join("chat/a")
        try server.publish("a", [("temperature", 20)])
        try server.ingest("sensors/a", #"{"temperature":31,"unit":"°C"}"#)
        try server.ingest("sensors/a", "nonsense")
        for topic in ["home/kitchen/temp", "home/bath/temp", "home/kitchen/set"] { server.discover(topic, "21.5") }
        let all = try await server.token("ann", join: ["#"], publish: ["chat/#"], notify: true, share: true)
        // The trace of the tab's upgrade request.
        let trace = try #require(spanLog.all.first?.context.traceIDText)
        let tracePath = "/api/latency/traces/{trace_id}"
        let alert = try #require(
            try await server.get("/api/alerts", token: all).json["alerts"]?.array?.first?["alert_id"]?.string)
        let acknowledge = "/api/alerts/{alert_id}/acknowledge"
        let silence = "/api/alerts/{alert_id}/silence"
        let share = try #require(
            try await server.post("/api/shares", token: all, #"{"dashboard":"all"}"#).json["share_id"]?.string)
        let stranger = try await server.token("eve", join: ["sensors/#"])
        let message = #"{"room_id":"chat/a","content":"x","idempotency_key":"k"}"#
        let notification =
            #"{"user_id":"ann","title":"x","link":"/a","expires_at":"2090-01-01T00:00:00Z","#
            + #""idempotency_key":"k"}"#
        let requests: [(method: String, path: String, query: String, token: String?, body: String?)] = [
            ("POST", "/api/rooms/messages", "", all, message), ("POST", "/api/rooms/messages", "", all, message),
            ("POST", "/api/rooms/messages", "", all, #"{"room_id":"chat/a","content":"y","idempotency_key":"k"}"#),
            ("POST", "/api/rooms/messages", "", all, "{}"),
            ("POST", "/api/rooms/messages", "", all, #"{"room_id":"other","content":"x"}"#),
            ("POST", "/api/notifications", "", all, notification),
            ("POST", "/api/notifications", "", all, notification),
            ("POST", "/api/notifications", "", all, #"{"title":"x"}"#),
            ("GET", "/api/notifications", "?limit=1", all, nil), ("GET", "/api/notifications", "?limit=0", all, nil),
            ("POST", "/api/tickets", "", all, "{}"), ("GET", "/api/clients", "", all, nil),
            ("GET", "/api/online", "", all, nil), ("GET", "/api/rooms", "", all, nil),
            ("GET", "/api/rooms/history", "?room_id=chat/a", all, nil), ("GET", "/api/rooms/history", "", all, nil),
            ("GET", "/api/rooms/history", "?room_id=users/bob", all, nil),
            ("GET", "/api/rooms/members", "?room_id=chat/a&limit=1", all, nil), ("GET", "/api/devices", "", all, nil),
            ("GET", "/api/devices/{device}", "a", all, nil), ("GET", "/api/devices/{device}", "none", all, nil),
            ("GET", "/api/dashboards", "", all, nil), ("GET", "/api/devices", "", nil, nil),
            ("GET", "/api/devices", "", "nonsense", nil), ("GET", "/readyz", "", nil, nil),
            ("GET", "/api/latency", "?minutes=5&device=a", all, nil), ("GET", "/api/latency", "?minutes=0", all, nil),
            ("GET", tracePath, trace, all, nil), ("GET", tracePath, String(repeating: "1", count: 32), all, nil),
            ("GET", tracePath, "x", all, nil), ("POST", "/v1/traces", "", all, #"{"resourceSpans":[]}"#),
            ("POST", "/v1/traces", "", all, #"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#),
            ("POST", "/v1/traces", "", all, "{}"), ("GET", "/livez", "", nil, nil), ("GET", "/metrics", "", nil, nil),
            ("GET", "/ws", "", nil, nil), ("GET", "/api/readings", "?device=a&metric=temperature", all, nil),
            ("GET", "/api/readings", "?device=a&from=0&points=1", all, nil), ("GET", "/api/readings", "", all, nil),
            ("GET", "/api/readings", "?device=b", all, nil), ("GET", "/api/dead-letters", "?limit=5", all, nil),
            ("GET", "/api/topics", "", all, nil), ("GET", "/api/topics", "", stranger, nil),
            ("GET", "/api/broker", "", stranger, nil), ("GET", "/api/dead-letters", "", stranger, nil),
            ("GET", "/api/alerts", "?state=active", all, nil),
            ("GET", "/api/alerts", "?state=bad", all, nil), ("POST", acknowledge, alert, stranger, nil),
            ("POST", acknowledge, "none", all, nil), ("POST", acknowledge, alert, all, nil),
            ("POST", silence, alert, all, #"{"for":"1h"}"#), ("POST", silence, alert, all, #"{"for":"soon"}"#),
            ("DELETE", silence, alert, all, nil), ("GET", "/api/shares", "?limit=5", all, nil),
            ("GET", "/api/shares", "?limit=0", all, nil), ("GET", "/api/shares", "", stranger, nil),
            ("POST", "/api/shares", "", all, #"{"dashboard":"open","name":"x","ttl":"1h"}"#),
            ("POST", "/api/shares", "", all, #"{"dashboard":"none"}"#), ("POST", "/api/shares", "", all, "{}"),
            ("POST", "/api/shares", "", stranger, #"{"dashboard":"open"}"#),
            ("DELETE", "/api/shares/{share_id}", share, all, nil),
            ("DELETE", "/api/shares/{share_id}", "none", all, nil),
        ]
        var asked = Set<String>()
        for request in requests {
            let headers = request.token.map { [("Authorization", "Bearer \($0)")] } ?? []
            let answer = try await HTTPClientLite.request(
                request.method, server.url + Self.path(request.path, request.query),
                headers: headers + (request.body == nil ? [] : [("Content-Type", "application/json")]),
                body: request.body)
            asked.insert("\(request.method.lowercased()) \(request.path)")
            let place = "\(request.method) \(request.path)\(request.query) → \(answer.status)"
            let operation = try #require(document["paths"]?[request.path]?[request.method.lowercased()], "\(place)")
            var response = try #require(operation["responses"]?["\(answer.status)"], "\(place) is not documented")
            if let reference = response["$ref"]?.string { response = try #require(checker.resolve(reference)) }
            guard let content = response["content"]?.object else { continue }
            let type = try #require(answer.header("content-type")?.split(separator: ";").first.map(String.init))
            let schema = try #require(content[type]?["schema"], "\(place) is \(type)")
            if type.hasSuffix("json") {
                #expect(checker.faults(in: try answer.json, against: schema).isEmpty, "\(place) \(answer.text)")
            }
        }
        let documented = (document["paths"]?.object ?? [:]).flatMap { path, operations in
            (operations.object ?? [:]).keys.map { "\($0) \(path)" }
        }
        #expect(Set(documented) == asked)
        try await server.stop()
    }

    /// Appends the query to a path, or replaces the path's parameter by it.
    private static func path(_ path: String, _ query: String) -> String {
        guard let open = path.firstIndex(of: "{"), let close = path.firstIndex(of: "}") else { return path + query }
        return path[..<open] + query + path[path.index(after: close)...]
    }

    @Test("Every message type is documented, conforms to its schema, and is sent")
    func socket() async throws {
        let server = try await LiveServer(webDirectory: try Self.webDirectory(), alertRules: [Self.hot])
        let document = try await server.get("/asyncapi.json").json
        let checker = SchemaChecker(document: document)
        let token = try await server.token(
            "ann", join: ["chat/#", "sensors/#"], publish: ["chat/#", "users/+"], notify: true)
        let client = try await server.client(token: token)
        let narrow = try await server.token("ann", join: ["sensors/#"])
        try server.publish("a", [("temperature", 20)])
        server.stream.publish([
            StatusReport(
                device: try #require(DeviceID("a")), rooms: ["sensors/a"], isOnline: false,
                receivedAt: SystemWallClock().now())
        ])
        let commands = [
            ("join_room", #"{"room_id":"chat/a"}"#), ("join_room", #"{"room_id":"sensors/#","max_rate_hz":10}"#),
            ("send_to_room", #"{"room_id":"chat/a","content":"x"}"#),
            ("send_to_user", #"{"user_id":"ann","content":"x"}"#), ("clock_sync", #"{"t0":1}"#),
            ("join_room", #"{"room_id":"chat/b"}"#), ("leave_room", #"{"room_id":"chat/b"}"#),
            ("leave_room", #"{"room_id":"chat/b"}"#), ("refresh_token", #"{"token":"\#(narrow)"}"#), ("dance", "{}"),
        ]
        for (number, (type, payload)) in commands.enumerated() {
            try await client.send(text: #"{"type":"\#(type)","id":"\#(number)","payload":\#(payload)}"#)
        }
        try server.ingest("sensors/a", #"{"temperature":31}"#)
        _ = try await server.post(
            "/api/notifications", token: token, #"{"user_id":"ann","title":"x","link":"https://example.org/"}"#)

        let names = (document["components"]?["messages"]?.object ?? [:]).keys
        // Only slow clients get a `gap`: see SlowClientTests.
        let documented = names.filter { $0.hasPrefix("out.") }.map { String($0.dropFirst(4)) }
        var seen: [String: Int] = [:]
        var unknownCommand = ""
        while !Set(documented).subtracting(["gap"]).isSubset(of: seen.keys) {
            let message = try await client.nextJSON()
            let type = try #require(message["type"]?.string)
            seen[type, default: 0] += 1
            let schema = try #require(document["components"]?["messages"]?["out.\(type)"]?["payload"], "\(type)")
            #expect(checker.faults(in: message, against: schema).isEmpty, "\(message)")
            if message.code == "unknown_type" { unknownCommand = message.text("message") ?? "" }
            if type == "notification", let id = message.text("notification_id") {
                try await client.send(text: #"{"type":"mark_read","payload":{"notification_id":"\#(id)"}}"#)
            }
        }
        #expect(Set(documented) == Set(seen.keys).union(["gap"]))
        for command in names.filter({ $0.hasPrefix("in.") }).map({ String($0.dropFirst(3)) }) {
            #expect(unknownCommand.contains(command), "\(command) is not listed: \(unknownCommand)")
        }
        let allowed = unknownCommand.split(separator: "allowed:").last.map { $0.split { " ,.".contains($0) } } ?? []
        #expect(allowed.filter { $0.contains("_") }.count == names.count { $0.hasPrefix("in.") })
        try await server.stop()
    }

    private static let hot = AlertRule(name: "hot", metric: "temperature", condition: .above(30))

    private static func webDirectory() throws -> String {
        try PackageRoot.directory.appending(path: "dashboards/web").path
    }
}
