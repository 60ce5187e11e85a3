package import Tracing

extension Tracer {
    /// Starts a span as a child of `parent`, or as the root of a new trace.
    ///
    /// - Parameter isSampled: A sampling decision already made for a root span; `nil` leaves it to the tracer.
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
    /// The span's own context, to use as a parent, in a link or on the wire. `nil` if the span was not made by
    /// Windsock's tracer.
    package var traceContext: TraceContext? { context.traceContext }

    /// Ends the span at the given time.
    package func end(at end: Timestamp) {
        self.end(at: TraceInstant(end))
    }
}

extension SpanLink {
    /// Creates a link to the span with that context.
    package init(to span: TraceContext, attributes: SpanAttributes = [:]) {
        var context = InstrumentationContext.topLevel
        context.traceContext = span
        self.init(context: context, attributes: attributes)
    }
}

/// Windsock's values inside the Tracing API's context. The context is always passed as a value, because a task-local
/// one is lost when a message waits in a queue.
extension InstrumentationContext {
    private enum TraceContextKey: InstrumentationContextKey {
        typealias Value = TraceContext
    }

    private enum SamplingKey: InstrumentationContextKey {
        typealias Value = Bool
    }

    /// In a context from which a span is to be started, the parent of that span. In the context of an existing span,
    /// the span itself.
    package var traceContext: TraceContext? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }

    /// A sampling decision made before a root span starts; `nil` leaves it to the tracer.
    package var samplingDecision: Bool? {
        get { self[SamplingKey.self] }
        set { self[SamplingKey.self] = newValue }
    }
}

/// A ``Timestamp`` as an instant of the Tracing API.
package struct TraceInstant: TracerInstant {
    package let timestamp: Timestamp

    package init(_ timestamp: Timestamp) {
        self.timestamp = timestamp
    }

    /// Nanoseconds since the epoch; 0 for times before 1970, which the API cannot express.
    package var nanosecondsSinceEpoch: UInt64 { UInt64(max(0, timestamp.nanosecondsSinceEpoch)) }

    package static func < (lhs: TraceInstant, rhs: TraceInstant) -> Bool { lhs.timestamp < rhs.timestamp }
}
