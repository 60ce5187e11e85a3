package import Core
package import Tracing

/// A tracer that creates the spans of one service, and passes sampled spans to processors when they end.
///
/// Tracers are passed explicitly and are never global. A process may have several: the demo has one for its devices and
/// one for its gateway. Thread-safe.
///
///     startSpan ─▶ Sampler ─▶ OTLPSpan ── end ─▶ SpanProcessor: BatchSpanProcessor ─▶ collector
///                                                              TraceRing ─▶ latency page
package struct OTLPTracer: Tracer {
    package typealias Span = OTLPSpan

    /// The service that the spans belong to.
    package let resource: Resource
    private let sampler: Sampler
    private let processors: [any SpanProcessor]
    private let ids: any SpanIDGenerator
    private let limits: SpanData.Limits
    private let propagator: W3CPropagator?

    /// Creates a tracer.
    ///
    /// - Parameter propagator: reads and writes trace contexts in the headers of other protocols. `nil` keeps contexts
    ///   inside the process.
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

    /// Does nothing. Processors export on their own, and their owner flushes them.
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

/// The entity that produces telemetry: a service and its attributes.
///
/// A class, so that spans can share one instance and exporters can group them by identity.
///
/// Source: OpenTelemetry specification, "Resource SDK"; semantic conventions, `service.*`.
package final class Resource: Sendable {
    package let serviceName: String
    /// All attributes, including `service.name`.
    package let attributes: SpanAttributes

    /// Creates a resource.
    ///
    /// - Parameter attributes: further attributes. `serviceName` overrides their `service.name`.
    package init(serviceName: String, attributes: SpanAttributes = [:]) {
        self.serviceName = serviceName
        var attributes = attributes
        attributes["service.name"] = serviceName
        self.attributes = attributes
    }

    /// Returns the resource of another service in the same process, with the same attributes except for the name.
    package func with(serviceName: String) -> Resource {
        Resource(serviceName: serviceName, attributes: attributes)
    }
}

/// The rule that decides which traces are recorded.
///
/// Source: OpenTelemetry specification, "Tracing SDK", Built-in samplers.
package struct Sampler: Sendable, Equatable {
    /// The decision for spans without a parent.
    package enum Root: Sendable, Equatable {
        case alwaysOn
        case alwaysOff
        /// Records this share of all traces, from 0 to 1. Processes with the same ratio select the same traces.
        case ratio(Double)
    }

    package var root: Root
    /// True when a span with a parent inherits its parent's decision. Otherwise `root` decides for every span.
    package var isParentBased: Bool

    package init(root: Root, isParentBased: Bool = true) {
        self.root = root
        self.isParentBased = isParentBased
    }

    /// The specification's default: follows the parent's decision, and records all new traces.
    package static let parentBasedAlwaysOn = Sampler(root: .alwaysOn)

    package func samples(traceID: (high: UInt64, low: UInt64), parent: TraceContext?) -> Bool {
        if isParentBased, let parent { return parent.isSampled }
        switch root {
        case .alwaysOn: return true
        case .alwaysOff: return false
        case .ratio(let ratio):
            if ratio >= 1 { return true }
            // Compares the lower 63 bits with the ratio's share of their range.
            return Double(traceID.low & (.max >> 1)) < ratio * 0x1p63
        }
    }
}

/// A propagator that reads and writes trace contexts in the headers of other protocols: `traceparent` and `tracestate`.
///
/// Source: W3C Trace Context, section 3; OpenTelemetry specification, "Propagators API".
package struct W3CPropagator: Sendable {
    private static let parentKey = "traceparent"
    private static let stateKey = "tracestate"

    package init() {}

    /// Reads the trace context. Leaves `context` unchanged if the carrier has no valid `traceparent`.
    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: Self.parentKey, from: carrier),
            let trace = TraceContext(
                traceparent: parent, state: extractor.extract(key: Self.stateKey, from: carrier))
        else { return }
        context.traceContext = trace
    }

    /// Writes the trace context. Adds nothing if `context` has no trace.
    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.traceContext else { return }
        injector.inject(trace.traceparent, forKey: Self.parentKey, into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: Self.stateKey, into: &carrier) }
    }
}
