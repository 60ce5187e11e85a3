import Core
package import OTLP

/// Keeps the spans that ended, in that order.
package final class SpanLog: SpanProcessor {
    private let spans = Lock<[SpanData]>([])

    package init() {}

    package var all: [SpanData] { spans.withLock { $0 } }

    package func onEnd(_ span: SpanData) {
        spans.withLock { $0.append(span) }
    }

    package func named(_ name: String) -> [SpanData] { all.filter { $0.name == name } }

    /// A tracer whose spans come here.
    package func tracer(sampler: Sampler = .parentBasedAlwaysOn, service: String = "windsock-gateway") -> OTLPTracer {
        OTLPTracer(resource: Resource(serviceName: service), sampler: sampler, processors: [self])
    }
}
