import Core
import CoreMetrics
import Logging
import Observability
import TestSupport
import Testing
import Tracing

@testable import OTLP

/// An independent implementation of the protocol can read the exported data.
@Suite(
    "Export to an independent OTLP receiver",
    .enabled("needs Python and the package index", { await OTLPReceiver.isAvailable }))
struct ReceiverTests {
    static let forms: [(OTLPProtocol, OTLPCompression)] = [
        (.httpProtobuf, .none), (.httpProtobuf, .gzip), (.httpJSON, .none), (.httpJSON, .gzip),
    ]

    private func configuration(
        _ receiver: OTLPReceiver, _ form: (OTLPProtocol, OTLPCompression) = (.httpProtobuf, .none)
    ) throws -> OTLPConfiguration {
        var configuration = try OTLPConfiguration(
            environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": form.0.rawValue,
                "OTEL_EXPORTER_OTLP_COMPRESSION": form.1.rawValue, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b",
                "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2",
            ], serviceName: "tested")
        configuration.spanBatches = .quick
        configuration.logBatches = .quick
        return configuration
    }

    @Test("Spans arrive complete, with every protocol and compression", arguments: forms)
    func spans(_ form: (OTLPProtocol, OTLPCompression)) async throws {
        let receiver = try await OTLPReceiver.start()
        let remote = try #require(
            TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: "v=1"))
        let linked = try #require(
            TraceContext(traceparent: "00-00000000000000000000000000000abc-00000000000000ef-00"))
        try await withPipeline(try configuration(receiver, form)) { pipeline, tracer in
            let span = tracer.startSpan("process sensors/x", under: remote, ofKind: .consumer, at: start)
            span.attributes = [
                "text": "größer <&> \"", "int": 9_007_199_254_740_993, "negative": -1, "double": 0.1, "yes": true,
                "list": .stringArray(["a", "b"]), "ints": .int64Array([1, -2]),
            ]
            span.addEvent(SpanEvent(name: "decoded", at: TraceInstant(start), attributes: ["n": 3]))
            span.addLink(SpanLink(to: linked))
            span.setStatus(SpanStatus(code: .error, message: "why"))
            let child = tracer.startSpan("child", under: span.traceContext, ofKind: .internal, at: start)
            child.setStatus(SpanStatus(code: .ok, message: "not to be sent"))
            child.end(at: start)
            span.end(at: start.advanced(by: .nanoseconds(1_234_567)))
            let browser = OTLPTracer(
                resource: tracer.resource.with(serviceName: "other"), processors: [try #require(pipeline.spans)])
            browser.make("root")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        let spans = try await receiver.spans("three spans") { $0.count == 3 }
        let (child, span, root) = (spans[0], spans[1], spans[2])
        #expect(span["service"]?.string == "tested" && root["service"]?.string == "other")
        #expect(span["resource"]?["service.version"]?.string == "1.2")
        #expect(span["trace_id"]?.string == "0af7651916cd43dd8448eb211c80319c")
        #expect(span["parent_span_id"]?.string == "b7ad6b7169203331" && span["trace_state"]?.string == "v=1")
        #expect(child["trace_id"] == span["trace_id"] && child["parent_span_id"] == span["span_id"])
        #expect(root["parent_span_id"]?.string == "")
        #expect(span["flags"]?.number == 0x301 && child["flags"]?.number == 0x101 && root["flags"]?.number == 0x101)
        #expect(span["kind"]?.string == "consumer" && child["kind"]?.string == "internal")
        #expect(span["start_ns"]?.string == "1790000000000000000" && span["end_ns"]?.string == "1790000000001234567")
        #expect(
            span["attributes"] == [
                "text": "größer <&> \"", "int": 9_007_199_254_740_993, "negative": -1, "double": 0.1, "yes": true,
                "list": ["a", "b"], "ints": [1, -2],
            ])
        #expect(
            span["events"] == [["name": "decoded", "time_ns": "1790000000000000000", "attributes": ["n": 3]]])
        #expect(
            span["links"] == [
                [
                    "trace_id": "00000000000000000000000000000abc", "span_id": "00000000000000ef", "trace_state": "",
                    "flags": 0x300, "attributes": [:],
                ]
            ])
        #expect(span["status"] == ["code": "error", "message": "why"])
        #expect(child["status"] == ["code": "ok", "message": ""] && root["status"]?["code"]?.string == "unset")
        let request = try #require(try await receiver.requests().first { $0["path"]?.string == "/v1/traces" })
        #expect(request["headers"]?["api-key"]?.string == "a b")
        #expect(request["encoding"]?.string == (form.1 == .gzip ? "gzip" : "identity"))
    }

    @Test(
        "Metrics arrive under the code's names, cumulative, and histograms with their buckets", arguments: forms
    )
    func metrics(_ form: (OTLPProtocol, OTLPCompression)) async throws {
        let receiver = try await OTLPReceiver.start()
        let registry = MetricsRegistry(
            configuration: MetricsConfiguration(timerBuckets: HistogramBuckets([0.1, 1])))
        registry.describe("websocket.messages.sent", "Messages.")
        let sent = Counter(
            label: "websocket.messages.sent", dimensions: [("error.type", "none")], factory: registry)
        sent.increment(by: 3)
        Gauge(label: "queue.depth", dimensions: [], factory: registry).record(-2.5)
        let timer = CoreMetrics.Timer(label: "messaging.process.duration", dimensions: [], factory: registry)
        for milliseconds in [50, 500, 600, 5000] as [Int64] { timer.recordMilliseconds(milliseconds) }
        try await withPipeline(try configuration(receiver, form), registry: registry) { pipeline, _ in
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        let points = try await receiver.metrics()
        func point(_ name: String) throws -> JSON {
            try #require(points.first { $0["name"]?.string == name })
        }
        let sum = try point("websocket.messages.sent")
        #expect(sum["kind"]?.string == "sum" && sum["monotonic"]?.bool == true && sum["value"]?.number == 3)
        #expect(sum["temporality"]?.string == "cumulative" && sum["description"]?.string == "Messages.")
        #expect(sum["attributes"] == ["error.type": "none"] && sum["service"]?.string == "tested")
        let gauge = try point("queue.depth")
        #expect(gauge["kind"]?.string == "gauge" && gauge["value"]?.number == -2.5)
        let histogram = try point("messaging.process.duration")
        #expect(histogram["bounds"] == [0.1, 1] && histogram["buckets"] == [1, 2, 1])
        #expect(histogram["count"]?.number == 4 && histogram["sum"]?.number == 6.15)
        #expect(histogram["unit"]?.string == "s")
    }

    @Test("Log records arrive with severity, attributes and span context", arguments: forms)
    func logs(_ form: (OTLPProtocol, OTLPCompression)) async throws {
        let receiver = try await OTLPReceiver.start()
        try await withPipeline(try configuration(receiver, form)) { pipeline, _ in
            let processor = try #require(pipeline.logs)
            let logger = Logger(label: "windsock.mqtt") { OTLPLogHandler(label: $0, processor: processor) }
            logger.debug("not wanted")
            logger.warning(
                "A reading is late",
                metadata: [
                    "device": "greenhouse-1", "list": ["a", ["b": "c"]], "count": .stringConvertible(7),
                    "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331",
                ])
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        let records = try await receiver.logs()
        try #require(records.count == 1)
        #expect(records[0]["body"]?.string == "A reading is late" && records[0]["severity"]?.number == 13)
        #expect(records[0]["severity_text"]?.string == "warning" && records[0]["service"]?.string == "tested")
        #expect(records[0]["trace_id"]?.string == "0af7651916cd43dd8448eb211c80319c")
        #expect(records[0]["span_id"]?.string == "b7ad6b7169203331")
        #expect(
            records[0]["attributes"] == [
                "device": "greenhouse-1", "list": ["a", ["b": "c"]], "count": "7", "logger": "windsock.mqtt",
            ])
    }

    @Test("After retries, every span arrives once; rejected spans are counted")
    func unreliable() async throws {
        let receiver = try await OTLPReceiver.start()
        let registry = MetricsRegistry()
        try await receiver.behave(["path": "/v1/traces", "status": 503, "retry_after": 1, "times": 1])
        try await receiver.behave(["path": "/v1/traces", "status": 429, "times": 2])
        try await receiver.behave(["path": "/v1/traces", "reject": 1, "message": "too many", "times": 1])
        let configuration = try configuration(receiver, (.httpJSON, .gzip))
        try await withPipeline(configuration, registry: registry) { pipeline, tracer in
            for name in ["a", "b", "c"] { tracer.make(name) }
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(try await receiver.spans().compactMap { $0["name"]?.string } == ["a", "b"])
        #expect(registry.total("otlp.exported", ["signal": "traces"]) == 2)
        #expect(registry.total("otlp.dropped", ["signal": "traces", "reason": "rejected"]) == 1)
        #expect(registry.total("otlp.retries", ["signal": "traces"]) == 3)
    }

    @Test("A receiver that is restarted gets every span once")
    func restart() async throws {
        let port = try FreePort.reserve()
        let first = try await OTLPReceiver.start(port: port)
        let (before, second) = try await withPipeline(try configuration(first)) { pipeline, tracer in
            for index in 0..<50 { tracer.make("before \(index)") }
            #expect(await pipeline.forceFlush(within: .seconds(60)))
            let before = try await first.spans().count
            try await first.stop()
            for index in 0..<1000 { tracer.make("after \(index)") }
            let second = try await OTLPReceiver.start(port: port)
            #expect(await pipeline.forceFlush(within: .seconds(60)))
            return (before, second)
        }
        #expect(before == 50)
        let names = try await second.spans().compactMap { $0["name"]?.string }
        #expect(names == (0..<1000).map { "after \($0)" })
    }
}
