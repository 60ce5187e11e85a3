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
        "A request that fails temporarily is retried until it is accepted once",
        arguments: [
            [.status(429)], [.status(502)], [.status(503), .status(503)], [.status(504)], [.disconnect, .disconnect],
            [.status(503, headers: [("Retry-After", "0")]), .disconnect, .status(429)],
        ] as [[ScriptedHTTPServer.Answer]])
    func retries(_ answers: [ScriptedHTTPServer.Answer]) async throws {
        let collector = try await ScriptedHTTPServer.start(answers)
        try await withPipeline(to: collector.tracesURL, registry: registry) { pipeline, tracer in
            tracer.make("a")
            tracer.make("b")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.acceptedSpans == ["a", "b"])
        #expect(collector.requests.count == answers.count + 1)
        #expect(registry.total("otlp.exported", ["signal": "traces"]) == 2)
        #expect(registry.total("otlp.retries") == answers.count)
        #expect(registry.total("otlp.dropped") == 0)
        try await collector.stop()
    }

    @Test("Requests share a connection, which is closed at the end")
    func connection() async throws {
        let collector = try await ScriptedHTTPServer.start([.status(200), .status(503), .status(400)])
        try await withPipeline(to: collector.tracesURL) { pipeline, tracer in
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

    @Test("A batch is sent again after the time in Retry-After", arguments: [429, 503])
    func retriedAfter(status: Int) async throws {
        let collector = try await ScriptedHTTPServer.start([.status(status, headers: [("Retry-After", "1")])])
        try await withPipeline(to: collector.tracesURL) { pipeline, tracer in
            tracer.make("a")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.requests.map(\.spanNames) == [["a"], ["a"]])
        try await collector.stop()
    }

    @Test(
        "Retry-After replaces the back-off, and a batch whose retention ends before that time is dropped",
        arguments: [429, 503])
    func retryAfter(status: Int) async throws {
        let collector = try await ScriptedHTTPServer.start([.status(status, headers: [("Retry-After", "300")])])
        var batches = BatchConfiguration.quick
        batches.retention = .seconds(200)
        try await withPipeline(to: collector.tracesURL, batches: batches, registry: registry) { pipeline, tracer in
            tracer.make("a")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.requests.map(\.spanNames) == [["a"]])
        #expect(registry.total("otlp.dropped", ["reason": "expired"]) == 1)
        try await collector.stop()
    }

    @Test(
        "A request that fails permanently is not retried and its spans are counted as dropped",
        arguments: [301, 400, 401, 404, 413, 500, 501])
    func refusals(status: Int) async throws {
        let elsewhere = [("Location", "http://127.0.0.1:1/")]
        let collector = try await ScriptedHTTPServer.start([.status(status, headers: elsewhere)])
        try await withPipeline(to: collector.tracesURL, registry: registry) { pipeline, tracer in
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

    @Test("A partial success is not retried; rejected spans are counted")
    func partialSuccess() async throws {
        let collector = try await ScriptedHTTPServer.start([.partialSuccess(rejected: 2, message: "too old")])
        try await withPipeline(to: collector.tracesURL, registry: registry) { pipeline, tracer in
            for name in ["a", "b", "c"] { tracer.make(name) }
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.requests.count == 1)
        #expect(registry.total("otlp.exported") == 1)
        #expect(registry.total("otlp.dropped", ["reason": "rejected"]) == 2)
        try await collector.stop()
    }

    @Test("A request without a response is retried after the timeout")
    func hanging() async throws {
        let collector = try await ScriptedHTTPServer.start([.hang])
        try await withPipeline(to: collector.tracesURL, timeout: .seconds(5), registry: registry) {
            pipeline, tracer in
            tracer.make("a")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.acceptedSpans == ["a"])
        #expect(collector.requests.count == 2)
        try await collector.stop()
    }

    @Test("A response of any length is accepted")
    func longAnswer() async throws {
        let body = [UInt8](repeating: 0xFF, count: 1_000_000)
        let collector = try await ScriptedHTTPServer.start([.status(200, body: body)])
        try await withPipeline(to: collector.tracesURL, registry: registry) { pipeline, tracer in
            tracer.make("a")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.requests.count == 1)
        #expect(registry.total("otlp.exported") == 1)
        try await collector.stop()
    }

    @Test("A collector that was down gets every span once and in order when it is up again")
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
            let collector = try await ScriptedHTTPServer.start(port: port)
            #expect(await pipeline.forceFlush(within: .seconds(60)))
            return collector
        }
        #expect(collector.acceptedSpans == names)
        #expect(collector.maxConcurrentRequests == 1)
        #expect(registry.total("otlp.exported") == 500)
        #expect(registry.total("otlp.dropped") == 0)
        try await collector.stop()
    }

    @Test("With a dead collector, spans beyond the queue are dropped and counted without waiting")
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
            for _ in 0..<10_000 { tracer.make("x") }
            #expect(registry.total("otlp.dropped", ["reason": "queue_full"]) == 10_000 - 20)
            #expect(registry.total("otlp.queue.size") == 20)
        }
        #expect(registry.total("otlp.dropped", ["reason": "shutdown"]) == 21)
    }

    @Test("A batch is dropped after its retention, and the next is sent")
    func expiry() async throws {
        let collector = try await ScriptedHTTPServer.start([.status(503)])
        // The first wait is at least 150 ms, longer than the retention.
        var batches = BatchConfiguration.quick
        batches.retention = .milliseconds(100)
        batches.backoff = .init(base: .milliseconds(300), cap: .seconds(15), fixedPart: 0.5)
        try await withPipeline(to: collector.tracesURL, batches: batches, registry: registry) { pipeline, tracer in
            tracer.make("old")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
            tracer.make("new")
            #expect(await pipeline.forceFlush(within: .seconds(60)))
        }
        #expect(collector.acceptedSpans == ["new"])
        #expect(registry.total("otlp.dropped", ["reason": "expired"]) == 1)
        try await collector.stop()
    }

    @Test("At shutdown, queued spans are sent, and later ones are counted as dropped")
    func shutdown() async throws {
        let collector = try await ScriptedHTTPServer.start()
        var configuration = OTLPConfiguration(serviceName: "tested")
        configuration.traces = OTLPEndpoint(url: collector.tracesURL)
        let pipeline = try OTLPPipeline(configuration, registry: registry, logger: .silent)
        let tracer = OTLPTracer(resource: configuration.resource, processors: [try #require(pipeline.spans)])
        tracer.make("a")
        pipeline.shutdown(within: .seconds(60))
        tracer.make("late")
        await pipeline.run()
        #expect(collector.acceptedSpans == ["a"])
        #expect(registry.total("otlp.dropped", ["reason": "shutdown"]) == 1)
        try await collector.stop()
    }

    @Test("A pipeline that never ran is released with its metrics")
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

    @Test("A collector that hangs does not delay shutdown beyond the time limit")
    func shutdownWhileHanging() async throws {
        let collector = try await ScriptedHTTPServer.start([.hang, .hang])
        var configuration = OTLPConfiguration(serviceName: "tested")
        configuration.traces = OTLPEndpoint(url: collector.tracesURL, timeout: .seconds(60))
        configuration.spanBatches = .quick
        let pipeline = try OTLPPipeline(configuration, registry: registry, logger: .silent)
        let tracer = OTLPTracer(resource: configuration.resource, processors: [try #require(pipeline.spans)])
        tracer.make("a")
        try await withDeadline("the pipeline ended", .seconds(60)) {
            await withDiscardingTaskGroup { group in
                group.addTask { await pipeline.run() }
                group.addTask {
                    try? await eventually("the request arrived") { !collector.requests.isEmpty }
                    pipeline.shutdown(within: .milliseconds(100))
                }
            }
        }
        #expect(registry.total("otlp.dropped", ["reason": "shutdown"]) == 1)
        try await collector.stop()
    }
}
