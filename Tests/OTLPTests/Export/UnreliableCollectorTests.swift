import Core
import Observability
import TestSupport
import Testing

@testable import OTLP

/// Deliverable data arrives once; the rest is dropped and counted. Nothing blocks on the collector.
@Suite("Unreliable collectors")
struct UnreliableCollectorTests {
    private let registry = MetricsRegistry()

    @Test(
        "A request that fails for now is sent again until it is taken, once",
        arguments: [
            [.status(429)], [.status(502)], [.status(503), .status(503)], [.status(504)], [.disconnect, .disconnect],
            [.status(503, headers: [("Retry-After", "0")]), .disconnect, .status(429)],
        ] as [[ScriptedCollector.Answer]])
    func retries(_ answers: [ScriptedCollector.Answer]) async throws {
        let collector = try await ScriptedCollector.start(answers)
        try await withPipeline(to: collector.url, registry: registry) { pipeline, tracer in
            tracer.make("a")
            tracer.make("b")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.taken == ["a", "b"])
        #expect(collector.requests.count == answers.count + 1)
        #expect(registry.total("otlp.exported", ["signal": "traces"]) == 2)
        #expect(registry.total("otlp.retries") == answers.count)
        #expect(registry.total("otlp.dropped") == 0)
        try await collector.stop()
    }

    @Test("Requests share a connection, which is closed at the end")
    func connection() async throws {
        let collector = try await ScriptedCollector.start([.status(200), .status(503), .status(400)])
        try await withPipeline(to: collector.url) { pipeline, tracer in
            for name in ["a", "b", "c"] {
                tracer.make(name)
                #expect(await pipeline.forceFlush(within: .seconds(60)))
            }
        }
        #expect(collector.requests.count == 4)
        #expect(collector.connectionCount == 1)
        try await eventually("the connection is closed") { collector.openConnections == 0 }
        try await collector.stop()
    }

    @Test("Retry-After is waited for", arguments: [429, 503])
    func retryAfter(status: Int) async throws {
        let collector = try await ScriptedCollector.start([.status(status, headers: [("Retry-After", "1")])])
        try await withPipeline(to: collector.url) { pipeline, tracer in
            tracer.make("a")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        let times = collector.requests.map(\.arrival)
        try #require(times.count == 2)
        #expect(times[1] - times[0] >= .milliseconds(950))
        try await collector.stop()
    }

    @Test(
        "A request that will never be taken is sent once and counted", arguments: [301, 400, 401, 404, 413, 500, 501])
    func refusals(status: Int) async throws {
        let elsewhere = [("Location", "http://127.0.0.1:1/")]
        let collector = try await ScriptedCollector.start([.status(status, headers: elsewhere)])
        try await withPipeline(to: collector.url, registry: registry) { pipeline, tracer in
            tracer.make("a")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
            tracer.make("b")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.requests.map(\.spanNames) == [["a"], ["b"]])
        #expect(registry.total("otlp.dropped", ["reason": "refused", "signal": "traces"]) == 1)
        #expect(registry.total("otlp.exported") == 1)
        #expect(registry.total("otlp.retries") == 0)
        try await collector.stop()
    }

    @Test("A partial success is not repeated; what was rejected is counted")
    func partialSuccess() async throws {
        let collector = try await ScriptedCollector.start([.partial(rejected: 2, message: "too old")])
        try await withPipeline(to: collector.url, registry: registry) { pipeline, tracer in
            for name in ["a", "b", "c"] { tracer.make(name) }
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.requests.count == 1)
        #expect(registry.total("otlp.exported") == 1)
        #expect(registry.total("otlp.dropped", ["reason": "rejected"]) == 2)
        try await collector.stop()
    }

    @Test("An answer that does not come is given up after the timeout, and the request sent again")
    func hanging() async throws {
        let collector = try await ScriptedCollector.start([.hang])
        try await withPipeline(to: collector.url, timeout: .seconds(5), registry: registry) {
            pipeline, tracer in
            tracer.make("a")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.taken == ["a"])
        #expect(collector.requests.count == 2)
        try await collector.stop()
    }

    @Test("An answer of any length is read as far as it goes")
    func longAnswer() async throws {
        let body = [UInt8](repeating: 0xFF, count: 1_000_000)
        let collector = try await ScriptedCollector.start([.status(200, body: body)])
        try await withPipeline(to: collector.url, registry: registry) { pipeline, tracer in
            tracer.make("a")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.requests.count == 1)
        #expect(registry.total("otlp.exported") == 1)
        try await collector.stop()
    }

    @Test("A collector that was down gets everything once and in order when it is back")
    func downAndBack() async throws {
        let port = try FreePort.reserve()
        let batches = BatchConfiguration(
            maxQueueSize: 1000, maxBatchSize: 10, scheduleDelay: .milliseconds(5),
            backoff: .init(base: .milliseconds(10), cap: .milliseconds(20), fixedPart: 0.5))
        let names = (0..<500).map { "span \($0)" }
        let collector = try await withPipeline(
            to: "http://127.0.0.1:\(port)/v1/traces", batches: batches, registry: registry
        ) { [registry] pipeline, tracer in
            for name in names { tracer.make(name) }
            try await registry.waitFor(3, "otlp.retries")
            let collector = try await ScriptedCollector.start(port: port)
            #expect(await pipeline.forceFlush(within: .seconds(60)))
            return collector
        }
        #expect(collector.taken == names)
        #expect(collector.mostAtOnce == 1)
        #expect(registry.total("otlp.exported") == 500)
        #expect(registry.total("otlp.dropped") == 0)
        try await collector.stop()
    }

    @Test("A dead collector costs a full queue and a count, and no time")
    func dead() async throws {
        let port = try FreePort.reserve()
        let batches = BatchConfiguration(
            maxQueueSize: 20, maxBatchSize: 10, scheduleDelay: .milliseconds(5),
            backoff: .init(base: .milliseconds(10), cap: .milliseconds(20), fixedPart: 0.5))
        try await withPipeline(to: "http://127.0.0.1:\(port)/", batches: batches, registry: registry) {
            [registry] _, tracer in
            tracer.make("first")
            // The batch in flight does not count against the queue.
            try await registry.waitFor(1, "otlp.retries")
            let began = ContinuousClock.now
            for _ in 0..<10_000 { tracer.make("x") }
            #expect(ContinuousClock.now - began < .seconds(2))
            #expect(registry.total("otlp.dropped", ["reason": "queue_full"]) == 10_000 - 20)
            #expect(registry.total("otlp.queue.size") == 20)
        }
        #expect(registry.total("otlp.dropped", ["reason": "shutdown"]) == 21)
    }

    @Test("A batch that nobody takes for too long makes room for the next")
    func expiry() async throws {
        let collector = try await ScriptedCollector.start([.status(503)])
        // The first wait is at least 150 ms, longer than the retention.
        var batches = BatchConfiguration.quick
        batches.retention = .milliseconds(100)
        batches.backoff = .init(base: .milliseconds(300), cap: .seconds(15), fixedPart: 0.5)
        try await withPipeline(to: collector.url, batches: batches, registry: registry) { pipeline, tracer in
            tracer.make("old")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
            tracer.make("new")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.taken == ["new"])
        #expect(registry.total("otlp.dropped", ["reason": "expired"]) == 1)
        try await collector.stop()
    }

    @Test("At the end everything is sent that the time allows, and the rest counted")
    func shutdown() async throws {
        let collector = try await ScriptedCollector.start()
        var configuration = OTLPConfiguration(serviceName: "tested")
        configuration.traces = OTLPEndpoint(url: collector.url)
        let pipeline = try OTLPPipeline(configuration, registry: registry, logger: .silent)
        let tracer = OTLPTracer(resource: configuration.resource, processors: [try #require(pipeline.spans)])
        tracer.make("a")
        pipeline.shutdown(within: .seconds(60))
        tracer.make("late")
        await pipeline.run()
        #expect(collector.taken == ["a"])
        #expect(registry.total("otlp.dropped", ["reason": "shutdown"]) == 1)
        try await collector.stop()
    }

    @Test("A pipeline that never ran goes away without a trace")
    func neverRun() async throws {
        var configuration = OTLPConfiguration(serviceName: "tested")
        configuration.traces = OTLPEndpoint(url: "http://127.0.0.1:1/")
        var pipeline: OTLPPipeline? = try OTLPPipeline(configuration, registry: registry, logger: .silent)
        weak let gone = pipeline
        pipeline?.shutdown()
        pipeline = nil
        #expect(gone == nil)
        #expect(!registry.snapshot().contains { $0.sourceName == "otlp.queue.size" })
    }

    @Test("A collector that hangs does not hold up the end")
    func shutdownWhileHanging() async throws {
        let collector = try await ScriptedCollector.start([.hang, .hang])
        var configuration = OTLPConfiguration(serviceName: "tested")
        configuration.traces = OTLPEndpoint(url: collector.url, timeout: .seconds(60))
        configuration.spanBatches = .quick
        let pipeline = try OTLPPipeline(configuration, registry: registry, logger: .silent)
        let tracer = OTLPTracer(resource: configuration.resource, processors: [try #require(pipeline.spans)])
        tracer.make("a")
        try await withDeadline("the pipeline ended", .seconds(60)) {
            await withDiscardingTaskGroup { group in
                group.addTask { await pipeline.run() }
                group.addTask {
                    try? await eventually("the request came") { !collector.requests.isEmpty }
                    pipeline.shutdown(within: .milliseconds(100))
                }
            }
        }
        #expect(registry.total("otlp.dropped", ["reason": "shutdown"]) == 1)
        try await collector.stop()
    }
}
