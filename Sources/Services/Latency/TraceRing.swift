import Core
import DequeModule
package import OTLP
package import Telemetry

/// The recent traces, kept in memory so that the latency page works without a collector.
///
/// The newest traces, bounded in number and in spans, and of the older ones the slowest of the last minutes.
/// Thread-safe.
package final class TraceRing: SpanProcessor {
    /// A trace's name as a key.
    package struct ID: Hashable, Sendable {
        let high: UInt64
        let low: UInt64

        package init(_ trace: TraceContext) {
            (high, low) = trace.traceID
        }

        /// Reads 32 hexadecimal digits.
        package init?(text: some StringProtocol) {
            guard let trace = TraceContext(traceparent: "00-\(text)-0000000000000001-00") else { return nil }
            self.init(trace)
        }
    }

    /// Spans of one trace that are kept; more are left out.
    package static let maxSpans = 64
    /// Spans that the newest traces may have on average. A span takes about a kilobyte.
    private static let meanSpans = 10
    /// Slow traces that outlive the ring, and for how long.
    private static let maxSlow = 50
    private static let slowAge = Duration.seconds(600)

    private struct State {
        var traces: [ID: KeptTrace] = [:]
        /// The ids of ``traces`` in the order of their first spans.
        var order = Deque<ID>()
        var spanCount = 0
        /// Ascending by duration.
        var slow: [KeptTrace] = []
    }

    private let capacity: Int
    private let state = Lock(State())

    /// - Parameter capacity: how many of the newest traces are kept.
    package init(capacity: Int = 2000) {
        self.capacity = max(1, capacity)
    }

    package func onEnd(_ span: SpanData) {
        let id = ID(span.context)
        // Forgotten traces are freed outside the lock, which every thread takes that ends a span.
        let forgotten: [KeptTrace] = state.withLock { state in
            switch state.traces[id]?.add(span) {
            case nil:
                state.traces[id] = KeptTrace(span)
                state.order.append(id)
                state.spanCount += 1
            case true?: state.spanCount += 1
            case false?: break
            }
            var forgotten: [KeptTrace] = []
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

    /// A trace as far as it is known by now.
    package func trace(_ id: ID) -> KeptTrace? {
        state.withLock { state in
            state.traces[id] ?? state.slow.first { ID($0.spans[0].context) == id }
        }
    }

    /// The slowest traces of readings that pass `isIncluded`, the slowest first.
    package func slowest(_ limit: Int, where isIncluded: (KeptTrace) -> Bool) -> [KeptTrace] {
        let all = state.withLock { Array($0.traces.values) + $0.slow }
        return Array(
            all.filter { $0.device != nil && isIncluded($0) }.sorted { $0.duration > $1.duration }.prefix(limit))
    }

    /// Keeps a trace that leaves the ring if it is slow enough; returns what is not kept any more.
    private static func retire(_ trace: KeptTrace, at now: Timestamp, _ state: inout State) -> [KeptTrace] {
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
