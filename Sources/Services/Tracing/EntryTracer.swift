package import Core
package import OTLP
import Realtime
package import Tracing

/// A tracer for the gateway's entry points. It continues the traces of incoming messages and requests, or starts new
/// ones.
///
/// The sampling decision is made here once, before any work is done: an unsampled trace costs a few nanoseconds. A rate
/// limit bounds the traces of senders that always set the sampled flag, such as a thousand devices. Thread-safe.
package struct EntryTracer: Sendable {
    /// The tracer for the spans below an entry span.
    package let tracer: any Tracer
    private let sampler: Sampler
    private let budget: RateLimit
    private let continuesTraces: Bool
    private let ids: any SpanIDGenerator

    /// - Parameters:
    ///   - sampler: Selects the traces to record, within the rate limit.
    ///   - continuesTraces: False to ignore the callers' spans and start a new trace each time.
    ///   - tracesPerSecond: The rate limit for sampled traces, including those that the callers sampled.
    package init(
        tracer: any Tracer, sampler: Sampler, tracesPerSecond: Int = 200, continuesTraces: Bool = true,
        ids: any SpanIDGenerator = RandomSpanIDGenerator()
    ) {
        self.tracer = tracer
        self.sampler = sampler
        self.budget = RateLimit(perSecond: tracesPerSecond)
        self.continuesTraces = continuesTraces
        self.ids = ids
    }

    /// Starts the gateway's first span of a trace; returns `nil` when the trace is not recorded.
    ///
    /// - Parameter origin: The caller's span, if it sent one.
    package func begin(
        _ name: @autoclosure () -> String, from origin: TraceContext?, ofKind kind: SpanKind, at start: Timestamp
    ) -> (any Span)? {
        let origin = continuesTraces ? origin : nil
        guard sampler.samples(traceID: origin?.traceID ?? ids.nextTraceID(), parent: origin), budget.take(at: start)
        else { return nil }
        return tracer.startSpan(name(), under: origin, ofKind: kind, at: start, isSampled: true)
    }
}
