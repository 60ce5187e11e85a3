import Core
import OTLP
import TestSupport
import Testing
import Tracing

@testable import Webhooks

/// A delivery attempt appears in the trace of its reading.
@Suite("Traces of webhooks")
struct WebhookTracingTests {
    private let spans = SpanLog()
    private let parent = TraceContext(traceID: (7, 9), spanID: 11, isSampled: true, state: "vendor=1")

    private func send(_ event: WebhookEvent, attempt: Int = 1, to port: Int) async throws {
        let configuration = try WebhookConfiguration(
            url: "http://127.0.0.1:\(port)/hidden?token=hidden", secret: testSecret, allowsPrivateAddresses: true,
            timeout: .seconds(60))
        _ = await WebhookSender(configuration, tracer: spans.tracer(), clock: SleepClock()).send(
            event, attempt: attempt)
    }

    @Test("Each attempt is a child span of the event's, propagated to the receiver")
    func attempts() async throws {
        try await ScriptedHTTPServer.with([.status(503), .status(204)]) { receiver in
            try await send(.test("a", trace: parent), to: receiver.port)
            try await send(.test("a", trace: parent), attempt: 2, to: receiver.port)
            try #require(spans.all.count == 2)
            for (span, request) in zip(spans.all, receiver.requests) {
                #expect(span.name == "webhook.send" && span.kind == .client)
                #expect(span.parent == parent)
                #expect(span.attributes["http.request.method"]?.toSpanAttribute() == "POST")
                #expect(
                    span.attributes["url.full"]?.toSpanAttribute()
                        == .string("http://127.0.0.1:\(receiver.port)/REDACTED"))
                #expect(span.attributes["server.address"]?.toSpanAttribute() == "127.0.0.1")
                #expect(request.header("traceparent") == span.context.traceparent)
                #expect(request.header("tracestate") == "vendor=1")
                #expect(!"\(span)".contains("hidden") && !"\(span)".contains(testSecret))
            }
            let (failed, delivered) = (spans.all[0], spans.all[1])
            #expect(failed.attributes["http.response.status_code"]?.toSpanAttribute() == 503)
            #expect(failed.attributes["error.type"]?.toSpanAttribute() == "503")
            #expect(failed.status?.code == .error)
            #expect(failed.attributes["http.request.resend_count"] == nil)
            #expect(delivered.attributes["http.response.status_code"]?.toSpanAttribute() == 204)
            #expect(delivered.attributes["http.request.resend_count"]?.toSpanAttribute() == 1)
            #expect(delivered.attributes["error.type"] == nil && delivered.status == nil)
        }
    }

    @Test("A failure without a response is recorded by its kind")
    func noAnswer() async throws {
        try await send(.test("a", trace: parent), to: try FreePort.reserve())
        let span = try #require(spans.all.first)
        #expect(span.attributes["error.type"]?.toSpanAttribute() == "connection")
        #expect(span.attributes["http.response.status_code"] == nil)
        #expect(span.status?.code == .error)
    }

    @Test("An unsampled trace has no span, and is propagated unchanged")
    func unsampled() async throws {
        var unsampled = parent
        unsampled.isSampled = false
        try await ScriptedHTTPServer.with { receiver in
            try await send(.test("a", trace: unsampled), to: receiver.port)
            try await send(.test("b"), to: receiver.port)
            #expect(spans.all.isEmpty)
            #expect(receiver.requests.map { $0.header("traceparent") } == [unsampled.traceparent, nil])
        }
    }
}
