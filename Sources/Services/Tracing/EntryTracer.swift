package import OTLP
import Realtime
package import Telemetry
package import Tracing

/// Where traces enter the gateway: continues those that come in with a message or a request, and begins new ones.
///
/// Whether to record is decided here once, before anything is spent: what is not sampled costs a few nanoseconds. A
/// budget bounds what comes in, so that a thousand devices that all set the sampled flag are not a thousand spans each.
/// Thread-safe.
package struct EntryTracer: Sendable {
    /// Makes the spans below an entry.
    package let tracer: any Tracer
    private let sampler: Sampler
    private let budget: TraceBudget
    private let continuesTraces: Bool
    private let ids: any SpanIDGenerator

    /// - Parameters:
    ///   - sampler: what is recorded, within the budget.
    ///   - continuesTraces: false takes no notice of callers' spans.
    ///   - tracesPerSecond: the budget for sampled traces, those that others sampled included.
    package init(
        tracer: any Tracer, sampler: Sampler, tracesPerSecond: Int = 200, continuesTraces: Bool = true,
        ids: any SpanIDGenerator = RandomSpanIDGenerator()
    ) {
        self.tracer = tracer
        self.sampler = sampler
        self.budget = TraceBudget(perSecond: tracesPerSecond)
        self.continuesTraces = continuesTraces
        self.ids = ids
    }

    /// Starts the gateway's first span of a trace; `nil` when the trace is not recorded here.
    ///
    /// - Parameter origin: the caller's span, when it sent one.
    package func begin(
        _ name: @autoclosure () -> String, from origin: TraceContext?, ofKind kind: SpanKind, at start: Timestamp
    ) -> (any Span)? {
        let origin = continuesTraces ? origin : nil
        guard sampler.samples(traceID: origin?.traceID ?? ids.nextTraceID(), parent: origin), budget.take(at: start)
        else { return nil }
        return tracer.startSpan(name(), under: origin, ofKind: kind, at: start, isSampled: true)
    }
}
