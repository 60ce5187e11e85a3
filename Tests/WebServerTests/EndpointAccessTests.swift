import AlertRules
import Core
import Foundation
import OTLP
import Telemetry
import TestSupport
import Testing
import Tracing

@testable import WebServer

/// Access of a token for one room to all other data, endpoint by endpoint.
///
/// Besides the room `sensors/open`, the server holds data that must stay hidden, all with `secret` in its name: a
/// device with readings, an alert and a dead letter, a chat room, and a user in it.
@Suite("Endpoint access")
struct EndpointAccessTests {
    private enum Verdict {
        /// 200, without any secret data.
        case silent
        /// 200 without secret data, which a token for all rooms does get.
        case silentToOne
        /// Refused with this status.
        case refused(Int)
    }

    private struct Row {
        let method: String
        /// As in the OpenAPI document.
        let path: String
        var query = ""
        var body: String?
        let verdict: Verdict
    }

    /// `{trace_id}`, `{alert_id}` and `{device}` belong to the secret device.
    private static let table: [Row] = [
        Row(method: "GET", path: "/api/online", verdict: .silentToOne),
        Row(method: "GET", path: "/api/rooms", verdict: .silentToOne),
        Row(method: "GET", path: "/api/clients", verdict: .silentToOne),
        Row(method: "GET", path: "/api/devices", verdict: .silentToOne),
        Row(method: "GET", path: "/api/devices", query: "?after=sensors/secret-device/a", verdict: .silent),
        Row(method: "GET", path: "/api/devices/{device}", verdict: .refused(404)),
        Row(method: "GET", path: "/api/alerts", verdict: .silentToOne),
        Row(method: "GET", path: "/api/alerts", query: "?state=firing", verdict: .silentToOne),
        Row(method: "GET", path: "/api/latency", verdict: .silentToOne),
        Row(method: "GET", path: "/api/latency", query: "?device=secret-device", verdict: .silentToOne),
        Row(method: "GET", path: "/api/latency/traces/{trace_id}", verdict: .refused(404)),
        Row(method: "GET", path: "/api/rooms/history", query: "?room_id=chat/secret", verdict: .refused(403)),
        Row(method: "GET", path: "/api/rooms/history", query: "?room_id=users/secret-boss", verdict: .refused(403)),
        Row(method: "GET", path: "/api/rooms/members", query: "?room_id=chat/secret", verdict: .refused(403)),
        Row(method: "GET", path: "/api/rooms/members", query: "?room_id=sensors/open", verdict: .silent),
        Row(method: "GET", path: "/api/readings", query: "?device=secret-device", verdict: .refused(404)),
        Row(method: "GET", path: "/api/readings", query: "?device=open", verdict: .silent),
        Row(method: "GET", path: "/api/dead-letters", verdict: .refused(403)),
        Row(method: "GET", path: "/api/topics", verdict: .refused(403)),
        Row(method: "GET", path: "/api/broker", verdict: .silent),
        Row(method: "GET", path: "/api/notifications", verdict: .silent),
        Row(method: "GET", path: "/api/dashboards", verdict: .silent),
        Row(method: "GET", path: "/api/shares", verdict: .refused(403)),
        Row(method: "POST", path: "/api/shares", body: #"{"dashboard":"secret"}"#, verdict: .refused(403)),
        Row(method: "DELETE", path: "/api/shares/{share_id}", verdict: .refused(403)),
        Row(
            method: "POST", path: "/api/rooms/messages", body: #"{"room_id":"chat/secret","content":"x"}"#,
            verdict: .refused(403)),
        Row(
            method: "POST", path: "/api/notifications", body: #"{"user_id":"secret-boss","title":"x"}"#,
            verdict: .refused(403)),
        Row(method: "POST", path: "/api/alerts/{alert_id}/acknowledge", body: "{}", verdict: .refused(404)),
        Row(method: "POST", path: "/api/alerts/{alert_id}/silence", body: #"{"minutes":5}"#, verdict: .refused(404)),
        Row(method: "DELETE", path: "/api/alerts/{alert_id}/silence", verdict: .refused(404)),
        Row(method: "POST", path: "/api/tickets", body: "{}", verdict: .silent),
        Row(method: "POST", path: "/v1/traces", body: #"{"resourceSpans":[]}"#, verdict: .silent),
        Row(method: "GET", path: "/ws", verdict: .refused(426)),
        Row(method: "GET", path: "/livez", verdict: .silent),
        Row(method: "GET", path: "/readyz", verdict: .silent),
        Row(method: "GET", path: "/metrics", verdict: .silent),
    ]

    @Test("The table covers every documented operation")
    func complete() throws {
        let file = try PackageRoot.directory.appending(path: "dashboards/web/openapi.json")
        let document = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        let methods = ["get", "post", "put", "delete", "patch"]
        let operations = paths.flatMap { path, item in
            item.keys.filter(methods.contains).map { "\($0.uppercased()) \(path)" }
        }
        #expect(Set(operations) == Set(Self.table.map { "\($0.method) \($0.path)" }))
    }

    @Test("A token for one room reveals nothing of others, and a request without a token reveals nothing")
    func table() async throws {
        let spanLog = SpanLog()
        let rule = AlertRule(
            name: "secret-rule", metric: "t", condition: .above(30), recipients: .init(users: ["secret-boss"]))
        let server = try await LiveServer(alertRules: [rule], spans: spanLog)
        let boss = RoomClient(
            try await server.client(
                token: try await server.token("secret-boss", join: ["chat/#", "sensors/#"], publish: ["chat/#"])))
        for room in ["chat/secret", "sensors/secret-device"] { _ = try await boss.join(room) }
        try await server.say("a secret", in: "chat/secret", by: "secret-boss")
        try server.ingest("sensors/open/t", "20")
        try server.ingest("sensors/secret-device/t", "31")
        try server.ingest("sensors/secret-device", "nonsense")
        server.discover("elsewhere/secret-topic", "1")
        let operators = try await server.token("operator", join: ["#"])
        let alerts = try await server.get("/api/alerts", token: operators).json["alerts"]?.array
        let alert = try #require(alerts?.first?["alert_id"]?.string)
        try await eventually("the trace of the secret reading is stored") {
            spanLog.named("hub.broadcast").contains { Self.room(of: $0.attributes) == "sensors/secret-device" }
        }
        let trace = try #require(
            spanLog.named("hub.broadcast").first { Self.room(of: $0.attributes) == "sensors/secret-device" })
        let visitor = try await server.token("visitor", join: ["sensors/open"])

        for row in Self.table {
            let path =
                row.path.replacing("{trace_id}", with: trace.context.traceIDText)
                .replacing("{alert_id}", with: alert).replacing("{device}", with: "secret-device") + row.query
            func answer(_ token: String?) async throws -> HTTPClientLite.Response {
                let authorization = token.map { [("Authorization", "Bearer \($0)")] } ?? []
                return try await HTTPClientLite.request(
                    row.method, server.url + path, headers: authorization + [("Content-Type", "application/json")],
                    body: row.body)
            }
            let name = "\(row.method) \(path)"
            let shown = try await answer(visitor)
            switch row.verdict {
            case .refused(let status): #expect(shown.status == status, "\(name)")
            case .silent, .silentToOne: #expect((200..<300).contains(shown.status) || row.path == "/readyz", "\(name)")
            }
            // A response may repeat the request's own input.
            let asked = path + (row.body ?? "")
            if !asked.contains("secret") || shown.status == 200 {
                #expect(!shown.text.contains("secret"), "\(name): \(shown.text)")
            }
            if case .silentToOne = row.verdict {
                #expect(try await answer(operators).text.contains("secret"), "\(name), with a token for everything")
            }
            let anonymous = try await answer(nil)
            #expect(!anonymous.text.contains("secret") || asked.contains("secret"), "\(name), without a token")
            if row.path.hasPrefix("/api") || row.path.hasPrefix("/v1") {
                #expect(anonymous.status == 401, "\(name), without a token")
            }
        }
        try await server.stop()
    }

    private static func room(of attributes: SpanAttributes) -> String? {
        guard case .string(let room) = attributes.get("messaging.destination.name") else { return nil }
        return room
    }
}
