package import Tracing

/// How a trace context travels through the Tracing API: always handed on as a value, because task-locals die at
/// queues.
extension InstrumentationContext {
    private enum TraceContextKey: InstrumentationContextKey {
        typealias Value = TraceContext
    }

    private enum SamplingKey: InstrumentationContextKey {
        typealias Value = Bool
    }

    /// The span that a span started with this context is a child of; in a span's own context, that span.
    package var traceContext: TraceContext? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }

    /// What was decided about sampling before the span is started, for a root span; `nil` leaves it to the tracer.
    package var samplingDecision: Bool? {
        get { self[SamplingKey.self] }
        set { self[SamplingKey.self] = newValue }
    }
}
