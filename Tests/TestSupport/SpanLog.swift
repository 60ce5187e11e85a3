import Core
package import OTLP

/// A span processor that records ended spans in order.
package final class SpanLog: SpanProcessor {
    private let spans = Lock<[SpanData]>([])

    package init() {}

    package var all: [SpanData] { spans.withLock { $0 } }

    package func onEnd(_ span: SpanData) {
        spans.withLock { $0.append(span) }
    }

    package func named(_ name: String) -> [SpanData] { all.filter { $0.name == name } }

    /// Creates a tracer that exports its spans to this log.
    package func tracer(sampler: Sampler = .parentBasedAlwaysOn, service: String = "windsock-gateway") -> OTLPTracer {
        OTLPTracer(resource: Resource(serviceName: service), sampler: sampler, processors: [self])
    }
}
