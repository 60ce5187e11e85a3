import Core
import OTLP
import Testing
import Tracing

@testable import Services

/// Percentiles are within their error bound; hourly data and the trace ring are bounded.
@Suite("Latency statistics")
struct LatencyTests {
    @Test(
        "A percentile is within 13 % of the true one, from microseconds to an hour",
        arguments: [
            1, 7, 8, 100, 999, 12_345, 1_000_000, 59_000_000, 3_600_000_000,
        ] as [Int64])
    func percentile(_ microseconds: Int64) {
        var histogram = LatencyHistogram()
        for _ in 0..<100 { histogram.record(.microseconds(microseconds)) }
        // Larger values, so that the exact maximum does not mask the bucket.
        for _ in 0..<100 { histogram.record(.seconds(4000)) }
        let found = histogram.percentileMilliseconds(0.5) * 1000
        #expect(found >= Double(microseconds) * 0.99)
        #expect(found <= Double(microseconds) * 1.13)
    }

    @Test("Ranks count from the shortest latency; an empty histogram has no percentile")
    func ranks() {
        var histogram = LatencyHistogram()
        #expect(histogram.percentileMilliseconds(0.99) == 0)
        for milliseconds in 1...100 { histogram.record(.milliseconds(milliseconds)) }
        #expect((50...57).contains(histogram.percentileMilliseconds(0.5)))
        #expect((99...100).contains(histogram.percentileMilliseconds(0.99)))
        #expect(histogram.maximumMilliseconds == 100)
        histogram.record(.seconds(-5))
        #expect(histogram.count == 101)
    }

    @Test("An hour of intervals is kept, however the clock moves")
    func series() {
        var series = LatencySeries()
        for second in 0..<10_000 {
            series.record(
                .process, .milliseconds(1), at: Timestamp(nanosecondsSinceEpoch: Int64(second) * 1_000_000_000))
        }
        let all = series.points(of: .process, since: Timestamp(nanosecondsSinceEpoch: 0))
        #expect(all.count == LatencySeries.capacity)
        #expect(all.last?.time == 9990 && all.last?.histogram.count == 10)
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.time < $1.time })
        let recent = series.points(of: .process, since: Timestamp(nanosecondsSinceEpoch: 9_970_000_000_000))
        #expect(recent.map(\.time) == [9970, 9980, 9990])
    }

    private func span(_ trace: UInt64, milliseconds: Int64, name: String = "process", device: String? = "a") -> SpanData
    {
        let start = Timestamp(nanosecondsSinceEpoch: 1_000_000_000)
        var span = SpanData(
            resource: Resource(serviceName: "g"),
            context: TraceContext(traceID: (1, trace), spanID: trace &+ UInt64(milliseconds), isSampled: true),
            parent: nil, name: name, kind: .internal, start: start,
            end: start.advanced(by: .milliseconds(milliseconds)))
        if let device { span.attributes["windsock.device"] = device }
        return span
    }

    @Test("The ring keeps the newest traces, and the slowest of the evicted ones")
    func ring() {
        let ring = TraceRing(capacity: 10)
        ring.onEnd(span(1, milliseconds: 900))
        for trace in UInt64(2)...200 { ring.onEnd(span(trace, milliseconds: Int64(trace % 50))) }
        #expect(ring.trace(TraceRing.ID(span(200, milliseconds: 0).context)) != nil)
        #expect(ring.trace(TraceRing.ID(span(1, milliseconds: 0).context))?.duration == .milliseconds(900))
        let slowest = ring.slowest(5) { _ in true }
        #expect(slowest.map(\.duration) == slowest.map(\.duration).sorted(by: >))
        #expect(slowest.first?.duration == .milliseconds(900))
        #expect(ring.slowest(1000) { _ in true }.count <= 60)
    }

    @Test("Spans per trace are limited; traces of requests are not listed among readings")
    func bounds() {
        let ring = TraceRing()
        for index in 0..<200 { ring.onEnd(span(1, milliseconds: Int64(index))) }
        #expect(ring.trace(TraceRing.ID(span(1, milliseconds: 0).context))?.spans.count == TraceRing.maxSpans)
        ring.onEnd(span(2, milliseconds: 5000, name: "chat.send_message", device: nil))
        #expect(ring.slowest(10) { _ in true }.count == 1)
    }

    @Test("The total number of spans is limited by evicting the oldest traces")
    func spanCount() {
        let ring = TraceRing(capacity: 10)
        for trace in UInt64(1)...20 {
            for _ in 0..<TraceRing.maxSpans { ring.onEnd(span(trace, milliseconds: 1, device: nil)) }
        }
        let kept = (UInt64(1)...20).compactMap { ring.trace(TraceRing.ID(span($0, milliseconds: 1).context)) }
        #expect(kept.map(\.spans.count) == [TraceRing.maxSpans])
        #expect(kept.last?.spans.first?.context.traceID.low == 20)
    }

    @Test(
        "An unknown device clock does not affect a trace's duration, in any order of the spans",
        arguments: [true, false])
    func unsynchronised(comesFirst: Bool) {
        let ring = TraceRing()
        var device = span(1, milliseconds: 300_000, name: "publish")
        device.attributes["clock.synchronized"] = false
        let process = span(1, milliseconds: 5)
        for span in comesFirst ? [device, process] : [process, device] { ring.onEnd(span) }
        #expect(ring.slowest(1) { _ in true }.first?.duration == .milliseconds(5))
    }
}
