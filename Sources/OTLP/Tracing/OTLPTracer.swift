import Telemetry
package import Tracing

/// Makes spans of one service and hands those that are sampled to processors when they end.
///
/// Handed in, never global: a process may have several, as the demo does for its devices and its gateway. Thread-safe.
///
///     startSpan ─▶ Sampler ─▶ OTLPSpan ── end ─▶ SpanProcessor: BatchSpanProcessor ─▶ collector
///                                                              TraceRing ─▶ latency page
package struct OTLPTracer: Tracer {
    package typealias Span = OTLPSpan

    /// Whose spans these are.
    package let resource: Resource
    private let sampler: Sampler
    private let processors: [any SpanProcessor]
    private let ids: any SpanIDGenerator
    private let limits: SpanData.Limits
    private let propagator: W3CPropagator?

    /// - Parameter propagator: how contexts get into and out of other protocols' headers; `nil` keeps them in.
    package init(
        resource: Resource,
        sampler: Sampler = .parentBasedAlwaysOn,
        processors: [any SpanProcessor],
        propagator: W3CPropagator? = W3CPropagator(),
        limits: SpanData.Limits = .init(),
        ids: any SpanIDGenerator = RandomSpanIDGenerator()
    ) {
        self.resource = resource
        self.sampler = sampler
        self.processors = processors
        self.propagator = propagator
        self.limits = limits
        self.ids = ids
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String,
        context: @autoclosure () -> InstrumentationContext,
        ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant,
        function: String,
        file fileID: String,
        line: UInt
    ) -> OTLPSpan {
        var context = context()
        let parent = context.traceContext
        let traceID = parent?.traceID ?? ids.nextTraceID()
        let isSampled = context.samplingDecision ?? sampler.samples(traceID: traceID, parent: parent)
        let own = TraceContext(
            traceID: traceID, spanID: ids.nextSpanID(), isSampled: isSampled, state: parent?.state)
        context.traceContext = own
        context.samplingDecision = nil
        guard isSampled else { return OTLPSpan(context: context, recording: nil) }
        let start = Timestamp(instant())
        let data = SpanData(
            resource: resource, context: own, parent: parent, name: operationName, kind: kind, start: start,
            end: start)
        let recording = SpanRecording(data, limits: limits) { [processors] span in
            for processor in processors { processor.onEnd(span) }
        }
        return OTLPSpan(context: context, recording: recording)
    }

    /// Does nothing: processors send by themselves, and their owner flushes them.
    package func forceFlush() {}

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        propagator?.extract(carrier, into: &context, using: extractor)
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        propagator?.inject(context, into: &carrier, using: injector)
    }
}

extension Timestamp {
    init(_ instant: some TracerInstant) {
        self.init(nanosecondsSinceEpoch: Int64(clamping: instant.nanosecondsSinceEpoch))
    }
}
