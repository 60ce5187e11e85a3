package import OTLP
import Synchronization
package import Telemetry

/// The recent traces, kept in memory so that the latency page works without a collector.
///
/// Bounded twice: the newest traces in a ring, and of those that left it the slowest of the last minutes. Thread-safe.
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
    /// Slow traces that outlive the ring, and for how long.
    private static let maxSlow = 50
    private static let slowAge = Duration.seconds(600)

    private struct State {
        var traces: [ID: KeptTrace] = [:]
        /// The ring: ids in the order of their first spans, and where the next one goes.
        var order: [ID] = []
        var next = 0
        /// Ascending by duration.
        var slow: [KeptTrace] = []
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: how many of the newest traces are kept.
    package init(capacity: Int = 2000) {
        self.capacity = max(1, capacity)
    }

    package func onEnd(_ span: SpanData) {
        let id = ID(span.context)
        state.withLock { state in
            if state.traces[id] != nil {
                state.traces[id]?.add(span)
                return
            }
            if state.order.count < capacity {
                state.order.append(id)
            } else {
                let oldest = state.order[state.next]
                if let trace = state.traces.removeValue(forKey: oldest) { Self.retire(trace, at: span.end, &state) }
                state.order[state.next] = id
                state.next = (state.next + 1) % capacity
            }
            state.traces[id] = KeptTrace(span)
        }
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

    private static func retire(_ trace: KeptTrace, at now: Timestamp, _ state: inout State) {
        guard trace.device != nil else { return }
        state.slow.removeAll { now.since($0.start) > slowAge }
        if state.slow.count >= maxSlow {
            guard trace.duration > state.slow[0].duration else { return }
            state.slow.removeFirst()
        }
        let index = state.slow.firstIndex { $0.duration > trace.duration } ?? state.slow.endIndex
        state.slow.insert(trace, at: index)
    }
}
