import AlertRules
import Core
import Foundation
import OTLP
import Realtime
import Services
import Telemetry
import TestSupport
import Testing
import Tracing
import WebSocketClient

/// Traces over real sockets and HTTP, from a command or reading to the browser's own spans.
@Suite("Traces, live", .serialized)
struct TracingLiveTests {
    private static let browser = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    /// Publishes a sampled reading of `device`, as ingest does.
    private func publish(_ device: String, to server: LiveServer) throws -> TraceContext {
        let now = SystemWallClock().now()
        let process = try #require(
            server.entry.begin("process sensors/{device}", from: nil, ofKind: .consumer, at: now))
        process.updateAttributes { $0["windsock.device"] = device }
        let context = try #require(process.traceContext)
        let reading = Reading(
            device: try #require(DeviceID(device)), room: "sensors/\(device)",
            metrics: [Metric(name: "t", value: 1)], time: now, receivedAt: now)
        let stages = PipelineTimestamps(receivedAt: now, decodeStartedAt: now, decodedAt: now, publishedAt: now)
        server.stream.publish(
            [IngestedReading(reading, messageTrace: MessageTrace(subject: device, parent: context, stages: stages))])
        process.end(at: SystemWallClock().now())
        return context
    }

    private func span(
        _ name: String, trace: String, id: String, parent: String, from start: Double, to end: Double,
        attributes: String = "[]"
    ) -> String {
        """
        {"traceId":"\(trace)","spanId":"\(id)","parentSpanId":"\(parent)","name":"\(name)","kind":5,\
        "startTimeUnixNano":"\(Int64(start * 1e6))","endTimeUnixNano":"\(Int64(end * 1e6))",\
        "attributes":\(attributes)}
        """
    }

    private func request(_ spans: String...) -> String {
        #"{"resourceSpans":[{"scopeSpans":[{"spans":[\#(spans.joined(separator: ","))]}]}]}"#
    }

    @Test("A chat message is one trace: receive, process, store, broadcast, send")
    func chat() async throws {
        let spanLog = SpanLog()
        let server = try await LiveServer(spans: spanLog)
        let ann = try await server.tab("ann")
        let bob = try await server.tab("bob")
        _ = try await bob.join("chat/a")
        try await ann.socket.send(
            text: #"{"type":"send_to_room","id":"x","traceparent":"\#(Self.browser)","#
                + #""payload":{"room_id":"chat/a","content":"hello"}}"#)
        let message = try await bob.next("chat_message")
        #expect(message["trace_id"]?.string == "0af7651916cd43dd8448eb211c80319c")
        let parent = try #require(message["traceparent"]?.string.flatMap { TraceContext(traceparent: $0) })
        #expect(parent.isSampled && parent.spanIDText == message["span_id"]?.string)
        try await server.stop()

        let spans = spanLog.all.filter { $0.context.traceIDText == "0af7651916cd43dd8448eb211c80319c" }
        let names = Set(spans.map(\.name))
        #expect(
            names == [
                "websocket.receive", "hub.process_message", "chat.send_message", "storage.commit", "hub.broadcast",
                "websocket.send",
            ])
        for (child, above) in [
            ("hub.process_message", "websocket.receive"), ("chat.send_message", "hub.process_message"),
            ("storage.commit", "chat.send_message"), ("hub.broadcast", "chat.send_message"),
            ("websocket.send", "hub.broadcast"),
        ] {
            let span = try #require(spans.first { $0.name == child })
            #expect(spans.first { $0.name == above }?.context.spanID == span.parent?.spanID, "\(child)")
        }
        #expect(spans.first { $0.name == "websocket.receive" }?.parent?.spanIDText == "b7ad6b7169203331")
        #expect(spans.first { $0.name == "websocket.send" }?.context.spanIDText == parent.spanIDText)
        let batch = try #require(spanLog.named("storage.commit").first { $0.parent == nil && !$0.links.isEmpty })
        #expect(batch.context.traceIDText != "0af7651916cd43dd8448eb211c80319c")
    }

    @Test("Requests have spans with their status, also the upgrade and rejected ones")
    func notification() async throws {
        let spanLog = SpanLog()
        let server = try await LiveServer(spans: spanLog)
        let bob = try await server.tab("bob")
        let token = try await server.token("ann", notify: true)
        let answer = try await HTTPClientLite.request(
            "POST", server.url + "/api/notifications",
            headers: [
                ("Authorization", "Bearer \(token)"), ("Content-Type", "application/json"),
                ("traceparent", Self.browser),
            ], body: #"{"user_id":"bob","title":"Hot"}"#)
        #expect(answer.status == 201)
        #expect(try await bob.next("notification")["trace_id"]?.string == "0af7651916cd43dd8448eb211c80319c")
        _ = try await server.post("/api/notifications", token: token, "{}")
        try await server.stop()
        let route = spanLog.named("POST /api/notifications")
        #expect(route.compactMap { $0.attributes.get("http.response.status_code") } == [.int64(201), .int64(400)])
        let send = try #require(spanLog.named("notification.send").first)
        #expect(send.parent?.spanID == route.first?.context.spanID)
        #expect(spanLog.named("websocket.upgrade").count == 1)
    }

    @Test("A handshake without a valid token has no span and uses no trace budget")
    func refusedHandshakes() async throws {
        let spanLog = SpanLog()
        let server = try await LiveServer(spans: spanLog)
        await #expect(throws: WebSocketClientError.self) {
            _ = try await server.client(token: "none", headers: [("traceparent", Self.browser)])
        }
        _ = try await server.client(headers: [("traceparent", Self.browser)])
        try await server.stop()
        let spans = spanLog.named("websocket.upgrade")
        #expect(spans.compactMap { $0.attributes.get("http.response.status_code") } == [.int64(101)])
    }

    @Test("A browser's spans are accepted, measured, and shown with the gateway's")
    func browserSpans() async throws {
        let spanLog = SpanLog()
        let server = try await LiveServer(spans: spanLog)
        let token = try await server.token()
        let client = try await server.client(token: token)
        try await client.send(text: #"{"type":"join_room","payload":{"room_id":"sensors/a"}}"#)
        _ = try await client.nextJSON("joined") { $0["type"]?.string == "joined" }
        let context = try publish("a", to: server)
        let update = try await client.nextJSON("the reading") { $0["type"]?.string == "data_update" }
        let trace = try #require(update["trace_id"]?.string)
        #expect(trace == context.traceIDText)
        let sent = try #require(update["span_id"]?.string)
        try await eventually("the send span ended") { !spanLog.named("websocket.send").isEmpty }

        let now = SystemWallClock().now().millisecondsSinceEpoch
        let body = request(
            // A page may report spans in any order.
            span(
                "dashboard.paint", trace: trace, id: "00000000000000a2", parent: "00000000000000a1", from: now + 3,
                to: now + 20),
            span(
                "websocket.receive", trace: trace, id: "00000000000000a1", parent: sent, from: now + 2, to: now + 3,
                attributes: #"[{"key":"clock.offset_ms","value":{"doubleValue":1.5}},"#
                    + #"{"key":"secret","value":{"stringValue":"x"}}]"#))
        let answer = try await server.post("/v1/traces", token: token, body)
        #expect(answer.status == 200 && answer.text == "{}", "\(answer.text)")
        let receive = try #require(
            spanLog.named("websocket.receive").first { $0.resource.serviceName == "windsock-browser" })
        #expect(receive.parent?.spanIDText == sent)
        #expect(receive.attributes.get("clock.offset_ms") == .double(1.5))
        #expect(receive.attributes.get("secret") == nil)
        let hops = server.latency.summaries(since: Timestamp(nanosecondsSinceEpoch: 0))
        for stage in [LatencyStage.network, .paint, .endToEnd] {
            #expect(hops.first { $0.stage == stage }?.total.count == 1, "\(stage)")
        }

        let overview = try await server.get("/api/latency", token: token).json
        let shown = try #require(overview["traces"]?.array?.first)
        #expect(shown["trace_id"]?.string == trace)
        #expect(shown["device"]?.string == "a")
        let services = (shown["services"]?.array ?? []).map { $0.string ?? "" }
        #expect(services == ["windsock-browser", "windsock-gateway"])
        let whole = try await server.get("/api/latency/traces/\(trace)", token: token).json
        let spans = try #require(whole["spans"]?.array)
        #expect(spans.contains { $0["name"]?.string == "dashboard.paint" })
        let starts = spans.compactMap { $0["start_ms"]?.number }
        #expect(starts == starts.sorted())

        let stranger = try await server.token("eve", join: ["sensors/b"])
        #expect(try await server.get("/api/latency/traces/\(trace)", token: stranger).status == 404)
        #expect(try await server.get("/api/latency", token: stranger).json["traces"]?.array?.isEmpty == true)
        #expect(try await server.get("/api/latency").status == 401)
        try await server.stop()
    }

    @Test(
        "A trace shows only spans of rooms that the token may see, without an alert's recipients"
    )
    func privateTraces() async throws {
        let spanLog = SpanLog()
        let rule = AlertRule(
            name: "hot", metric: "t", condition: .above(30),
            recipients: .init(users: ["secret-boss"], rooms: ["chat/secret-ops"]))
        let server = try await LiveServer(alertRules: [rule], spans: spanLog)
        let boss = RoomClient(
            try await server.client(token: try await server.token("secret-boss", join: ["chat/#", "sensors/#"])))
        _ = try await boss.join("chat/secret-ops")
        _ = try await boss.join("sensors/q")
        try server.ingest("sensors/q/t", "31")
        try await eventually("the alert was sent") {
            let rooms = spanLog.named("websocket.send").compactMap { span -> String? in
                guard case .string(let room) = span.attributes.get("messaging.destination.name") else { return nil }
                return room
            }
            return Set(rooms).isSuperset(of: ["sensors/q", "chat/secret-ops", "users/secret-boss"])
                && spanLog.named("hub.broadcast").count >= 3
        }
        let trace = try #require(spanLog.named("hub.broadcast").first).context.traceIDText
        func shown(_ token: String) async throws -> String {
            try await server.get("/api/latency/traces/\(trace)", token: token).text
        }
        let visitor = try await shown(try await server.token("visitor", join: ["sensors/q"]))
        #expect(visitor.contains("telemetry.decode") && visitor.contains("sensors/q"))
        for secret in ["secret", "messaging.client.id", "notification.send"] {
            #expect(!visitor.contains(secret), "\(secret)")
        }
        let operators = try await shown(try await server.token("operator", join: ["#"]))
        #expect(operators.contains("chat/secret-ops") && operators.contains("messaging.client.id"))
        #expect(!operators.contains("users/secret-boss"), "an inbox is visible to its owner only")
        #expect(try await shown(try await server.token("secret-boss", join: ["#"])).contains("users/secret-boss"))
        try await server.stop()
    }

    @Test("A room's members see the command behind a message in it, and no other command of the trace")
    func commandTraces() async throws {
        let spanLog = SpanLog()
        let server = try await LiveServer(spans: spanLog)
        let ann = try await server.tab("ann")
        for room in ["chat/open", "chat/closed"] {
            try await ann.socket.send(
                text: #"{"type":"send_to_room","id":"\#(room)","traceparent":"\#(Self.browser)","#
                    + #""payload":{"room_id":"\#(room)","content":"hello"}}"#)
        }
        try await eventually("both commands were processed") { spanLog.named("hub.process_message").count == 2 }
        func names(_ token: String) async throws -> [String] {
            let path = "/api/latency/traces/0af7651916cd43dd8448eb211c80319c"
            let spans = try await server.get(path, token: token).json["spans"]?.array ?? []
            return spans.compactMap { $0["name"]?.string }
        }
        let member = try await names(try await server.token("bob", join: ["chat/open"]))
        for name in ["websocket.receive", "hub.process_message", "chat.send_message", "hub.broadcast"] {
            #expect(member.count { $0 == name } == 1, "\(name) of \(member)")
        }
        let stranger = try await names(try await server.token("eve", join: ["chat/other"]))
        #expect(stranger.isEmpty)
        try await server.stop()
    }

    static let refused: [(String, String)] = [
        ("an unknown trace", #"{"traceId":"0af7651916cd43dd8448eb211c80319c"}"#),
        ("another name", #"{"name":"anything"}"#),
        ("no parent", #"{"parentSpanId":""}"#),
        ("an invalid trace id", #"{"traceId":"zz"}"#),
        ("a time that is not a number", #"{"startTimeUnixNano":"soon"}"#),
        ("a time in the past", #"{"startTimeUnixNano":"1700000000000000000"}"#),
        ("an end before the start", #"{"endTimeUnixNano":"START-1"}"#),
        ("a time in the future", #"{"startTimeUnixNano":"NEXT","endTimeUnixNano":"NEXT"}"#),
    ]

    @Test("Implausible spans are rejected with the reason, the others accepted", arguments: refused)
    func refusals(_ what: String, change: String) async throws {
        let spanLog = SpanLog()
        let server = try await LiveServer(spans: spanLog)
        let token = try await server.token()
        let client = try await server.client(token: token)
        try await client.send(text: #"{"type":"join_room","payload":{"room_id":"sensors/a"}}"#)
        _ = try await client.nextJSON("joined") { $0["type"]?.string == "joined" }
        let context = try publish("a", to: server)
        try await eventually("the send span ended") { !spanLog.named("websocket.send").isEmpty }
        let sent = try #require(spanLog.named("websocket.send").first)
        let now = SystemWallClock().now().nanosecondsSinceEpoch
        var fields: [String: Any] = [
            "traceId": context.traceIDText, "spanId": "00000000000000a1", "parentSpanId": sent.context.spanIDText,
            "name": "websocket.receive", "startTimeUnixNano": "\(now)", "endTimeUnixNano": "\(now + 1000)",
        ]
        let good = String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
        let changes = try #require(
            try JSONSerialization.jsonObject(
                with: Data(
                    change.replacing("START-1", with: "\(now - 1)")
                        .replacing("NEXT", with: "\(now + 60_000_000_000)").utf8)) as? [String: Any])
        fields.merge(changes) { $1 }
        let bad = String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
        let answer = try await server.post("/v1/traces", token: token, request(bad, good))
        #expect(answer.status == 200)
        let partial = try answer.json["partialSuccess"]
        #expect(partial?["rejectedSpans"]?.string == "1", "\(what): \(answer.text)")
        #expect(partial?["errorMessage"]?.string?.isEmpty == false)
        let receipts = spanLog.named("websocket.receive").filter { $0.resource.serviceName == "windsock-browser" }
        #expect(receipts.count == 1)
        try await server.stop()
    }

    @Test("Requests without a token, without JSON or with too many spans are rejected")
    func limits() async throws {
        let server = try await LiveServer()
        let token = try await server.token()
        #expect(try await server.post("/v1/traces", token: "nonsense", "{}").status == 401)
        #expect(try await server.post("/v1/traces", token: token, "{").status == 400)
        #expect(try await server.post("/v1/traces", token: token, "{}").status == 400)
        let span = #"{"name":"x"}"#
        let many = request(Array(repeating: span, count: BrowserSpanService.maxSpans + 1).joined(separator: ","))
        #expect(try await server.post("/v1/traces", token: token, many).status == 413)
        let some = request(Array(repeating: span, count: BrowserSpanService.maxSpans).joined(separator: ","))
        // Ten seconds' worth at once, because a busy machine takes seconds to send them.
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<40 {
                group.addTask { try await server.post("/v1/traces", token: token, some).status }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.contains(429), "\(statuses)")
        try await server.stop()
    }
}
