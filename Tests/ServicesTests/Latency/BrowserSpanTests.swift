import Core
import CoreMetrics
import OTLP
import TestSupport
import Testing
import Tracing

@testable import Services

/// Browser spans count once per delivery, only from the recipient, and only with plausible times.
@Suite("Spans reported by browsers")
struct BrowserSpanTests {
    private final class Clock: WallClock {
        private let seconds = Lock(1_000_000.0)
        func now() -> Timestamp { Timestamp(nanosecondsSinceEpoch: Int64(seconds.withLock { $0 } * 1e9)) }
        func set(_ value: Double) { seconds.withLock { $0 = value } }
    }

    private static let trace: UInt64 = 7
    private let clock = Clock()
    private let ring = TraceRing()
    private let latency: LatencyService
    private let service: BrowserSpanService

    init() {
        let resource = Resource(serviceName: "windsock-gateway")
        latency = LatencyService(
            tracer: OTLPTracer(resource: resource, processors: []), factory: NOOPMetricsHandler.instance, clock: clock)
        service = BrowserSpanService(
            resource: resource, processors: [ring], ring: ring, latency: latency, spansPerSecond: 100_000,
            factory: NOOPMetricsHandler.instance, clock: clock)
    }

    private func context(_ id: UInt64) -> TraceContext {
        TraceContext(traceID: (1, Self.trace), spanID: id, isSampled: true)
    }

    /// Records a delivery to that user, sent in the first millisecond after `at`.
    private func deliver(_ id: UInt64, to user: UserID, at seconds: Double = 1_000_000) {
        clock.set(seconds)
        latency.sending(context(id), to: user)
        ring.onEnd(
            SpanData(
                resource: Resource(serviceName: "windsock-gateway"), context: context(id), parent: context(1),
                name: "websocket.send", kind: .producer, start: clock.now(),
                end: clock.now().advanced(by: .milliseconds(1))))
    }

    /// Reports a span and returns the reason for its rejection, or `nil` when it was accepted.
    private func report(
        _ name: String, _ id: UInt64, under parent: UInt64, from start: Double, to end: Double, by user: UserID = "ann"
    ) throws -> String? {
        func hex(_ id: UInt64) -> String { context(id).spanIDText }
        let json = """
            {"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"\(context(1).traceIDText)","spanId":"\(hex(id))",\
            "parentSpanId":"\(hex(parent))","name":"\(name)","startTimeUnixNano":"\(Int64(start * 1e9))",\
            "endTimeUnixNano":"\(Int64(end * 1e9))"}]}]}]}
            """
        let outcome = try service.accept(try JSONParser.parse(Array(json.utf8)), from: user)
        #expect(outcome.accepted + outcome.rejected == 1)
        return outcome.reason
    }

    private func count(_ stage: LatencyStage) -> Int {
        latency.summaries(since: Timestamp(nanosecondsSinceEpoch: 0)).first { $0.stage == stage }?.total.count ?? -1
    }

    @Test("One receive span and one paint span per delivery are accepted, however often they are reported")
    func once() throws {
        deliver(2, to: "ann")
        clock.set(1_000_001)
        let (start, end) = (1_000_000.1, 1_000_000.2)
        #expect(try report("websocket.receive", 10, under: 2, from: start, to: end) == nil)
        #expect(try report("dashboard.paint", 11, under: 10, from: end, to: end) == nil)
        // A page that got no response sends the same spans again.
        #expect(try report("websocket.receive", 10, under: 2, from: start, to: end) == nil)
        #expect(try report("dashboard.paint", 11, under: 10, from: end, to: end) == nil)
        for id in 20..<60 as Range<UInt64> {
            #expect(try report("websocket.receive", id, under: 2, from: start, to: end) != nil)
            #expect(try report("dashboard.paint", id + 100, under: 10, from: end, to: end) != nil)
            #expect(try report("dashboard.paint", id + 200, under: id, from: end, to: end) != nil)
        }
        #expect(count(.network) == 1 && count(.paint) == 1 && count(.endToEnd) == 1)
        #expect(ring.trace(TraceRing.ID(context(1)))?.spans.count == 3)
    }

    @Test("Only the recipient of a delivery may report its spans")
    func strangers() throws {
        deliver(2, to: "ann")
        clock.set(1_000_001)
        #expect(try report("websocket.receive", 10, under: 2, from: 1_000_000.1, to: 1_000_000.2, by: "eve") != nil)
        #expect(try report("websocket.receive", 10, under: 2, from: 1_000_000.1, to: 1_000_000.2) == nil)
        #expect(try report("dashboard.paint", 11, under: 10, from: 1_000_000.2, to: 1_000_000.3, by: "eve") != nil)
        // The parent is neither a delivery nor a receipt.
        #expect(try report("dashboard.paint", 12, under: 2, from: 1_000_000.2, to: 1_000_000.3) != nil)
        #expect(try report("websocket.receive", 13, under: 10, from: 1_000_000.2, to: 1_000_000.3) != nil)
        #expect(count(.network) == 1 && count(.paint) == 0)
    }

    @Test(
        "Times before the send, in the future or long after it are rejected, with some clock tolerance",
        arguments: [
            (-1.5, 0.1, true), (-2.5, 0.1, false), (0.1, 2.5, true), (0.1, 3.5, false), (3.5, 3.6, false),
        ])
    func times(start: Double, end: Double, isTaken: Bool) throws {
        deliver(2, to: "ann")
        clock.set(1_000_001)
        let reason = try report("websocket.receive", 10, under: 2, from: 1_000_000 + start, to: 1_000_000 + end)
        #expect((reason == nil) == isTaken, "\(reason ?? "taken")")
        // A rejected span can be reported again with valid times.
        #expect((try report("websocket.receive", 11, under: 2, from: 1_000_000.1, to: 1_000_000.2) == nil) == !isTaken)
    }

    @Test("A measured latency is at most a minute, however late it is reported")
    func duration() throws {
        deliver(2, to: "ann")
        deliver(3, to: "ann")
        clock.set(1_000_500)
        #expect(try report("websocket.receive", 10, under: 2, from: 1_000_400, to: 1_000_400) != nil)
        #expect(try report("websocket.receive", 11, under: 2, from: 1_000_059, to: 1_000_059) == nil)
        #expect(try report("dashboard.paint", 12, under: 11, from: 1_000_059, to: 1_000_490) != nil)
        let network = latency.summaries(since: Timestamp(nanosecondsSinceEpoch: 0)).first { $0.stage == .network }
        #expect((network?.total.maximumMilliseconds ?? .infinity) <= 60_000)
    }

    @Test("Spans of deliveries beyond the capacity are rejected")
    func bounded() throws {
        deliver(2, to: "ann")
        for id in 0..<UInt64(TracedDeliveries.capacity) { latency.sending(context(1000 + id), to: "bob") }
        clock.set(1_000_001)
        #expect(try report("websocket.receive", 10, under: 2, from: 1_000_000.1, to: 1_000_000.2) != nil)
    }
}
