package import Core
import DequeModule
package import OTLP
import Tracing

/// The recent traces, kept in memory so that the latency page works without a collector.
///
/// Holds the newest traces, bounded by the number of traces and of spans, and the slowest of the older traces of the
/// last ten minutes. Thread-safe.
package final class TraceRing: SpanProcessor {
    /// A trace ID as a dictionary key.
    package struct ID: Hashable, Sendable {
        let high: UInt64
        let low: UInt64

        package init(_ trace: TraceContext) {
            (high, low) = trace.traceID
        }

        /// Parses 32 hexadecimal digits.
        package init?(text: some StringProtocol) {
            guard let trace = TraceContext(traceparent: "00-\(text)-0000000000000001-00") else { return nil }
            self.init(trace)
        }
    }

    /// The most spans to keep per trace. Further ones are dropped.
    package static let maxSpans = 64
    /// The average number of spans per trace that the ring has room for. A span takes about a kilobyte.
    private static let meanSpans = 10
    /// The most slow traces that are kept after they leave the ring.
    private static let maxSlow = 50
    /// The maximum age of those slow traces.
    private static let slowAge = Duration.seconds(600)

    private struct State {
        var traces: [ID: RecentTrace] = [:]
        /// The keys of ``traces`` in the order of their first spans.
        var order = Deque<ID>()
        var spanCount = 0
        /// The slow traces that have left the ring, sorted by ascending duration.
        var slow: [RecentTrace] = []
    }

    private let capacity: Int
    private let state = Lock(State())

    /// - Parameter capacity: The number of newest traces to keep.
    package init(capacity: Int = 2000) {
        self.capacity = max(1, capacity)
    }

    package func onEnd(_ span: SpanData) {
        let id = ID(span.context)
        // Evicted traces are freed outside the lock, which every thread that ends a span takes.
        let forgotten: [RecentTrace] = state.withLock { state in
            switch state.traces[id]?.add(span) {
            case nil:
                state.traces[id] = RecentTrace(span)
                state.order.append(id)
                state.spanCount += 1
            case true?: state.spanCount += 1
            case false?: break
            }
            var forgotten: [RecentTrace] = []
            while state.order.count > capacity || state.spanCount > capacity * Self.meanSpans,
                state.order.count > 1, let oldest = state.order.popFirst(),
                let trace = state.traces.removeValue(forKey: oldest)
            {
                state.spanCount -= trace.spans.count
                forgotten += Self.retire(trace, at: span.end, &state)
            }
            return forgotten
        }
        withExtendedLifetime(forgotten) {}
    }

    /// Returns the trace with the spans that are known so far; `nil` if none is, or the trace was evicted.
    package func trace(_ id: ID) -> RecentTrace? {
        state.withLock { state in
            state.traces[id] ?? state.slow.first { ID($0.spans[0].context) == id }
        }
    }

    /// Returns the slowest traces of readings that pass `isIncluded`, slowest first.
    package func slowest(_ limit: Int, where isIncluded: (RecentTrace) -> Bool) -> [RecentTrace] {
        let all = state.withLock { Array($0.traces.values) + $0.slow }
        return Array(
            all.filter { $0.device != nil && isIncluded($0) }.sorted { $0.duration > $1.duration }.prefix(limit))
    }

    /// Moves a trace that leaves the ring to the slow traces if it is slow enough. Returns the traces that are no
    /// longer kept.
    private static func retire(_ trace: RecentTrace, at now: Timestamp, _ state: inout State) -> [RecentTrace] {
        guard trace.device != nil else { return [trace] }
        var forgotten = state.slow.filter { now.since($0.start) > slowAge }
        if !forgotten.isEmpty { state.slow.removeAll { now.since($0.start) > slowAge } }
        if state.slow.count >= maxSlow {
            guard trace.duration > state.slow[0].duration else { return forgotten + [trace] }
            forgotten.append(state.slow.removeFirst())
        }
        let index = state.slow.firstIndex { $0.duration > trace.duration } ?? state.slow.endIndex
        state.slow.insert(trace, at: index)
        return forgotten
    }
}

/// The known spans of one trace, in the order in which they ended.
package struct RecentTrace: Sendable {
    /// The spans; never empty.
    package private(set) var spans: [SpanData]
    /// The device whose reading the trace follows; `nil` for chat messages and requests.
    package private(set) var device: String?
    /// The room that the reading was published to.
    package private(set) var room: String?
    /// True when the trace was recorded only because its reading was slow.
    package private(set) var isSlow = false
    package private(set) var start: Timestamp
    package private(set) var end: Timestamp
    /// True when ``start`` and ``end`` come from synchronized clocks.
    private var isTimed = false

    package var duration: Duration { end.since(start) }

    package init(_ span: SpanData) {
        spans = []
        start = span.start
        end = span.end
        add(span)
    }

    /// Adds a span. Returns false when the trace has too many spans already.
    @discardableResult
    package mutating func add(_ span: SpanData) -> Bool {
        guard spans.count < TraceRing.maxSpans else { return false }
        spans.append(span)
        if device == nil { device = Self.text("windsock.device", of: span) }
        if room == nil, span.name == "hub.broadcast" { room = Self.text("messaging.destination.name", of: span) }
        if Self.text("windsock.sampled.reason", of: span) == "slow" { isSlow = true }
        // The times of an unsynchronized clock say nothing about the duration.
        if span.attributes.get("clock.synchronized") == .bool(false) { return true }
        start = isTimed ? min(start, span.start) : span.start
        end = isTimed ? max(end, span.end) : span.end
        isTimed = true
        return true
    }

    /// The names of the participating services, sorted.
    package var services: [String] { Set(spans.map(\.resource.serviceName)).sorted() }

    /// Returns the span with this ID.
    func span(_ id: UInt64) -> SpanData? { spans.first { $0.context.spanID == id } }

    private static func text(_ name: String, of span: SpanData) -> String? {
        guard case .string(let text) = span.attributes.get(name) else { return nil }
        return text
    }
}
