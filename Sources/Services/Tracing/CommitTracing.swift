import Core
import Tracing

/// The `storage.commit` spans of one transaction: a child of each sampled request's span, and one root span with links
/// to those requests' spans.
struct CommitTracing {
    /// The most links of the root span: the default limit of the OpenTelemetry specification.
    private static let maxLinks = 128

    private let spans: [any Span]

    /// Starts the spans; none when no request is sampled.
    ///
    /// - Parameter parents: The spans of the sampled requests.
    init(_ parents: [TraceContext], requestCount: Int, tracer: any Tracer, at now: Timestamp) {
        if parents.isEmpty {
            spans = []
            return
        }
        let batch = tracer.startSpan("storage.commit", under: nil, ofKind: .client, at: now, isSampled: true)
        for parent in parents.prefix(Self.maxLinks) { batch.addLink(SpanLink(to: parent)) }
        let own = parents.map { tracer.startSpan("storage.commit", under: $0, ofKind: .client, at: now) }
        spans = [batch] + own
        for span in spans {
            span.updateAttributes { attributes in
                attributes["db.system.name"] = "sqlite"
                attributes["db.operation.batch.size"] = requestCount
            }
        }
        for span in own {
            if let batch = batch.traceContext { span.addLink(SpanLink(to: batch)) }
        }
    }

    /// Ends the spans after the transaction was committed or failed.
    func finish(_ error: (any Error)? = nil, at now: Timestamp) {
        for span in spans {
            if let error {
                span.recordError(error)
                span.setStatus(SpanStatus(code: .error, message: "\(error)"))
            }
            span.end(at: now)
        }
    }
}
