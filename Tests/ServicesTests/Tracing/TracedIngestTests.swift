import Core
import CoreMetrics
import Logging
import MQTTTransport
import NIOEmbedded
import OTLP
import Realtime
import TestSupport
import Testing
import Tracing

@testable import Services

/// One trace leads from the device's message to the hub; readings that turn out slow get a trace as well.
@Suite("Traces of readings")
struct TracedIngestTests {
    /// A pipeline into a hub with one client, and a record of every ended span.
    final class Setup {
        let log = SpanLog()
        let ring = TraceRing()
        let fixture: StreamFixture
        let latency: LatencyService
        let ingest: IngestFixture
        let pipeline: IngestPipeline

        init(
            sampler: Sampler = .parentBasedAlwaysOn, tracesPerSecond: Int = 200,
            latency configuration: LatencyService.Configuration = .init()
        ) throws {
            let tracer = OTLPTracer(
                resource: Resource(serviceName: "windsock-gateway"), sampler: sampler, processors: [log, ring])
            latency = LatencyService(
                tracer: tracer, configuration: configuration, factory: NOOPMetricsHandler.instance)
            fixture = StreamFixture(tracing: HubTracing(tracer: tracer, observer: latency), tracer: tracer)
            ingest = try IngestFixture(fixture)
            pipeline = ingest.pipeline(
                entry: EntryTracer(tracer: tracer, sampler: sampler, tracesPerSecond: tracesPerSecond),
                latency: latency)
            try fixture.join("sensors/#")
            _ = fixture.received()
        }

        func accept(_ payload: String, trace: String? = nil, isRetained: Bool = false) throws {
            let properties = trace.map { [MQTTUserProperty(name: "traceparent", value: $0)] } ?? []
            try pipeline.accept(
                MQTTBatch(messages: [
                    MQTTMessage(
                        topic: "sensors/a/temperature", payload: Array(payload.utf8), qos: .atLeastOnce,
                        isRetained: isRetained, userProperties: properties)
                ]))
        }

        func parent(of span: SpanData) -> SpanData? {
            log.all.first { $0.context.spanID == span.parent?.spanID }
        }
    }

    private static let device = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"

    @Test("The device's trace continues through process, decode, push, broadcast and send")
    func chain() throws {
        let setup = try Setup()
        try setup.accept("21.5", trace: "\(Self.device)-01")
        setup.fixture.loop.run()
        let process = try #require(setup.log.named("process sensors/{device}/{metric}").first)
        #expect(process.kind == .consumer)
        #expect(process.parent?.spanIDText == "b7ad6b7169203331")
        #expect(process.attributes.get("messaging.system") == .string("mqtt"))
        #expect(process.attributes.get("messaging.operation.type") == .string("process"))
        #expect(process.attributes.get("messaging.destination.name") == .string("sensors/a/temperature"))
        #expect(process.attributes.get("windsock.device") == .string("a"))
        let decode = try #require(setup.log.named("telemetry.decode").first)
        let push = try #require(setup.log.named("stream.push_data").first)
        let broadcast = try #require(setup.log.named("hub.broadcast").first)
        let send = try #require(setup.log.named("websocket.send").first)
        #expect(setup.parent(of: decode)?.name == process.name)
        #expect(setup.parent(of: push)?.name == process.name)
        let commits = setup.log.named("storage.commit")
        let commit = try #require(commits.first { setup.parent(of: $0)?.name == process.name })
        #expect(decode.end <= commit.start && commit.end <= push.start)
        // The transaction has its own trace with links to all readings in it.
        let batch = try #require(commits.first { $0.parent == nil })
        #expect(batch.links.map(\.context.traceContext?.traceIDText) == ["0af7651916cd43dd8448eb211c80319c"])
        #expect(commit.links.map(\.context.traceContext?.spanID) == [batch.context.spanID])
        #expect(setup.parent(of: broadcast)?.name == push.name)
        #expect(setup.parent(of: send)?.name == broadcast.name)
        let own = setup.log.all.filter { $0.context.spanID != batch.context.spanID }
        #expect(own.allSatisfy { $0.context.traceIDText == "0af7651916cd43dd8448eb211c80319c" })
        #expect(setup.log.all.allSatisfy { $0.start <= $0.end })
        let kept = try #require(setup.ring.trace(TraceRing.ID(process.context)))
        #expect(kept.device == "a" && kept.room == "sensors/a" && kept.spans.count == 6)
    }

    @Test("Without user properties, the trace context in the payload is used")
    func embedded() throws {
        let setup = try Setup()
        try setup.accept(#"{"value":1,"traceparent":"\#(Self.device)-01"}"#)
        #expect(setup.log.all.first?.context.traceIDText == "0af7651916cd43dd8448eb211c80319c")
    }

    @Test("An unsampled trace is not recorded; a message without a trace starts one")
    func decisions() throws {
        let setup = try Setup()
        try setup.accept("1", trace: "\(Self.device)-00")
        setup.fixture.loop.run()
        #expect(setup.log.all.isEmpty)
        try setup.accept("2")
        #expect(setup.log.named("process sensors/{device}/{metric}").first?.parent == nil)
        #expect(!setup.log.all.isEmpty)
    }

    @Test("Retained messages have no trace")
    func retained() throws {
        let setup = try Setup()
        try setup.accept("1", trace: "\(Self.device)-01", isRetained: true)
        setup.fixture.loop.run()
        #expect(setup.log.all.isEmpty)
        #expect(setup.latency.summaries(since: Timestamp(nanosecondsSinceEpoch: 0)).allSatisfy { $0.total.count == 0 })
    }

    @Test("The trace budget limits sampled traces, not readings")
    func budget() throws {
        let setup = try Setup(tracesPerSecond: 3)
        for value in 1...10 { try setup.accept("\(value)", trace: "\(Self.device)-01") }
        setup.fixture.loop.run()
        #expect(setup.log.named("process sensors/{device}/{metric}").count == 3)
        #expect(setup.fixture.receivedReadings().count == 10)
    }

    @Test("An undecodable payload ends its trace in error")
    func failure() throws {
        let setup = try Setup()
        try setup.accept("{", trace: "\(Self.device)-01")
        let process = try #require(setup.log.all.first)
        #expect(process.name == "process" && process.status?.code == .error)
        #expect(process.attributes.get("error.type") != nil)
    }

    @Test("A slow unsampled reading becomes a trace built from its stage times, linked to the device's trace")
    func slow() throws {
        let setup = try Setup(
            sampler: Sampler(root: .alwaysOff), latency: .init(slowThreshold: .milliseconds(500)))
        setup.fixture.clock.set(1000)
        try setup.accept("1", trace: "\(Self.device)-00")
        setup.fixture.clock.set(1000.4)
        setup.fixture.loop.run()
        #expect(setup.log.all.isEmpty, "400 ms is not slow")
        try setup.accept("2", trace: "\(Self.device)-00")
        setup.fixture.clock.set(1001.4)
        setup.fixture.loop.run()
        let root = try #require(setup.log.named("process").first)
        #expect(root.parent == nil)
        #expect(root.context.traceIDText != "0af7651916cd43dd8448eb211c80319c")
        #expect(root.links.first?.context.traceContext?.traceIDText == "0af7651916cd43dd8448eb211c80319c")
        #expect(root.attributes.get("windsock.sampled.reason") == .string("slow"))
        #expect(root.duration == .seconds(1))
        let broadcast = try #require(setup.log.named("hub.broadcast").first)
        #expect(setup.parent(of: broadcast)?.name == "process")
        #expect(setup.log.named("telemetry.decode").count == 1)
        let kept = try #require(setup.ring.slowest(10) { _ in true }.first)
        #expect(kept.isSlow && kept.device == "a" && kept.room == "sensors/a")
    }

    @Test("Traces of slow readings are limited per second")
    func slowBudget() throws {
        let setup = try Setup(
            sampler: Sampler(root: .alwaysOff), latency: .init(slowThreshold: .milliseconds(1), slowPerSecond: 2))
        for value in 1...5 { try setup.accept("\(value)") }
        setup.fixture.clock.set(1001)
        setup.fixture.loop.run()
        #expect(setup.log.named("process").count == 2)
    }

    @Test("Hops are measured for sampled and unsampled readings")
    func hops() throws {
        let setup = try Setup(sampler: Sampler(root: .alwaysOff))
        setup.fixture.clock.set(1000)
        try setup.accept("1")
        setup.fixture.clock.set(1000.25)
        setup.fixture.loop.run()
        let summaries = setup.latency.summaries(since: Timestamp(nanosecondsSinceEpoch: 0))
        let fanOut = try #require(summaries.first { $0.stage == .fanOut })
        #expect(fanOut.total.count == 1)
        #expect(abs(fanOut.total.percentileMilliseconds(0.5) - 250) < 16)
        #expect(summaries.first { $0.stage == .process }?.total.count == 1)
        #expect(summaries.first { $0.stage == .network }?.total.count == 0)
    }
}
