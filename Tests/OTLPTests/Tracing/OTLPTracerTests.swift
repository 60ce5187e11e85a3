import Core
import TestSupport
import Testing
import Tracing

@testable import OTLP

/// Spans keep their place in the trace, are bounded in size, and are exported once.
@Suite("Tracer")
struct OTLPTracerTests {
    private let log = SpanLog()
    private let start = Timestamp(nanosecondsSinceEpoch: 1_000_000_000)

    private func context(_ flags: String = "01") throws -> TraceContext {
        try #require(
            TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\(flags)", state: "a=b"))
    }

    @Test("A child has its parent's trace id and state, and a span id of its own")
    func child() throws {
        let parent = try context()
        let span = log.tracer().startSpan("x", under: parent, ofKind: .consumer, at: start)
        span.end(at: start.advanced(by: .milliseconds(5)))
        let data = try #require(log.all.first)
        #expect(data.context.traceIDText == parent.traceIDText)
        #expect(data.context.spanID != parent.spanID)
        #expect(data.context.state == "a=b")
        #expect(data.parent == parent)
        #expect(data.parent?.isRemote == true && !data.context.isRemote)
        #expect(data.kind == .consumer && data.duration == .milliseconds(5))
    }

    @Test("Root spans start new traces, and ids are unique")
    func roots() {
        let tracer = log.tracer()
        for _ in 0..<1000 { tracer.startSpan("x", under: nil, at: start).end(at: start) }
        #expect(Set(log.all.map(\.context.traceIDText)).count == 1000)
        #expect(Set(log.all.map(\.context.spanID)).count == 1000)
        #expect(log.all.allSatisfy { $0.parent == nil })
    }

    @Test(
        "The sampler decides unless the parent or an earlier decision does",
        arguments: [
            (Sampler(root: .alwaysOn), nil, nil, true), (Sampler(root: .alwaysOff), nil, nil, false),
            (Sampler(root: .alwaysOff), "01", nil, true), (Sampler(root: .alwaysOn), "00", nil, false),
            (Sampler(root: .alwaysOff, isParentBased: false), "01", nil, false),
            (Sampler(root: .alwaysOff), nil, true, true), (Sampler(root: .alwaysOn), nil, false, false),
        ] as [(Sampler, String?, Bool?, Bool)])
    func sampling(_ sampler: Sampler, flags: String?, decision: Bool?, isSampled: Bool) throws {
        let span = log.tracer(sampler: sampler).startSpan(
            "x", under: try flags.map { try context($0) }, at: start, isSampled: decision)
        #expect(span.isRecording == isSampled)
        #expect(span.traceContext?.isSampled == isSampled)
        span.end(at: start)
        #expect(log.all.count == (isSampled ? 1 : 0))
    }

    @Test("A ratio samples about its share of traces, and always the same ones", arguments: [0.0, 0.01, 0.25, 1.0])
    func ratio(_ share: Double) {
        let ids = RandomSpanIDGenerator()
        let traces = (0..<20_000).map { _ in ids.nextTraceID() }
        let sampler = Sampler(root: .ratio(share))
        let first = traces.map { sampler.samples(traceID: $0, parent: nil) }
        #expect(first == traces.map { sampler.samples(traceID: $0, parent: nil) })
        let taken = Double(first.count { $0 }) / 20_000
        #expect(abs(taken - share) < 0.02)
    }

    @Test("Attributes, events and links beyond the limits are dropped and counted")
    func limits() throws {
        let tracer = OTLPTracer(
            resource: Resource(serviceName: "s"), processors: [log],
            limits: SpanData.Limits(attributes: 2, events: 1, links: 1))
        let span = tracer.startSpan("x", under: nil, at: start)
        span.attributes = ["a": 1, "b": 2, "c": 3]
        for _ in 0..<3 { span.addEvent(SpanEvent(name: "e", at: TraceInstant(start))) }
        for _ in 0..<4 { span.addLink(SpanLink(to: try context())) }
        span.end(at: start)
        let data = try #require(log.all.first)
        #expect(data.attributes.count == 2 && data.droppedAttributeCount == 1)
        #expect(data.events.count == 1 && data.droppedEventCount == 2)
        #expect(data.links.count == 1 && data.droppedLinkCount == 3)
    }

    @Test("A span ends once, not before its start, and is immutable afterwards")
    func ending() throws {
        let span = log.tracer().startSpan("x", under: nil, at: start)
        span.end(at: start.advanced(by: .seconds(-1)))
        span.setStatus(SpanStatus(code: .error))
        span.end(at: start.advanced(by: .seconds(1)))
        let data = try #require(log.all.first)
        #expect(log.all.count == 1)
        #expect(data.end == data.start && data.status == nil)
        #expect(!span.isRecording)
    }

    @Test("A recorded error becomes an exception event")
    func errors() throws {
        struct Broken: Error {}
        let span = log.tracer().startSpan("x", under: nil, at: start)
        span.recordError(Broken(), attributes: [:], at: TraceInstant(start))
        span.end(at: start)
        let event = try #require(log.all.first?.events.first)
        #expect(event.name == "exception")
        #expect(event.attributes.get("exception.type") == .string("Broken"))
    }

    @Test("Contexts are injected into and extracted from headers, unless there is no propagator")
    func propagation() throws {
        struct Headers: Injector, Extractor {
            func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
                carrier[key] = value
            }
            func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
        }
        let tracer = log.tracer()
        var context = InstrumentationContext.topLevel
        context.traceContext = try self.context()
        var carrier: [String: String] = [:]
        tracer.inject(context, into: &carrier, using: Headers())
        #expect(carrier["traceparent"] == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        #expect(carrier["tracestate"] == "a=b")
        var read = InstrumentationContext.topLevel
        tracer.extract(carrier, into: &read, using: Headers())
        #expect(read.traceContext == context.traceContext)

        let closed = OTLPTracer(resource: Resource(serviceName: "s"), processors: [log], propagator: nil)
        var nothing: [String: String] = [:]
        closed.inject(context, into: &nothing, using: Headers())
        #expect(nothing.isEmpty)
    }
}
