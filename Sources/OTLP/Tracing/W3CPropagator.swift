import Telemetry
package import Tracing

/// Carries trace contexts in the headers of other protocols: `traceparent` and `tracestate`.
///
/// Source: W3C Trace Context, section 3; OpenTelemetry specification, "Propagators API".
package struct W3CPropagator: Sendable {
    private static let parentKey = "traceparent"
    private static let stateKey = "tracestate"

    package init() {}

    /// Leaves `context` as it is when the carrier has no valid `traceparent`.
    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: Self.parentKey, from: carrier),
            let trace = TraceContext(
                traceparent: parent, state: extractor.extract(key: Self.stateKey, from: carrier))
        else { return }
        context.traceContext = trace
    }

    /// Adds nothing when `context` has no trace.
    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.traceContext else { return }
        injector.inject(trace.traceparent, forKey: Self.parentKey, into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: Self.stateKey, into: &carrier) }
    }
}
