package import Tracing

extension Tracer {
    /// Starts a span under `parent`, or the root of a new trace.
    ///
    /// - Parameters:
    ///   - isSampled: a decision that was made before, for a root span; `nil` leaves it to the tracer.
    package func startSpan(
        _ name: String,
        under parent: TraceContext?,
        ofKind kind: SpanKind = .internal,
        at start: Timestamp,
        isSampled: Bool? = nil
    ) -> Span {
        var context = InstrumentationContext.topLevel
        context.traceContext = parent
        context.samplingDecision = isSampled
        return startSpan(name, context: context, ofKind: kind, at: TraceInstant(start))
    }
}

extension Span {
    /// The span as others name it: as their parent, in a link, on the wire. `nil` with a tracer that is not ours.
    package var traceContext: TraceContext? { context.traceContext }

    /// Ends the span at that time.
    package func end(at end: Timestamp) {
        self.end(at: TraceInstant(end))
    }
}

extension SpanLink {
    /// A link to a span that is known by its context.
    package init(to span: TraceContext, attributes: SpanAttributes = [:]) {
        var context = InstrumentationContext.topLevel
        context.traceContext = span
        self.init(context: context, attributes: attributes)
    }
}
