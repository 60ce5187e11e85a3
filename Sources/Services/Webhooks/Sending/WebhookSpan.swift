import Telemetry
import Tracing

/// The span `webhook.send` of one attempt, below the span that the event came out of; nothing when that is not sampled.
///
/// Source: OpenTelemetry semantic conventions, "HTTP client span".
struct WebhookSpan {
    private let span: (any Span)?
    /// What the receiver gets as `traceparent` and `tracestate`.
    let trace: TraceContext?

    init(_ event: WebhookEvent, attempt: Int, to url: WebhookURL, tracer: (any Tracer)?, at start: Timestamp) {
        guard let tracer, let parent = event.trace, parent.isSampled else {
            span = nil
            trace = event.trace
            return
        }
        let span = tracer.startSpan("webhook.send", under: parent, ofKind: .client, at: start)
        span.updateAttributes { attributes in
            attributes["http.request.method"] = "POST"
            attributes["url.full"] = url.description
            attributes["server.address"] = url.host
            attributes["server.port"] = url.port
            attributes["windsock.event.id"] = event.id
            if attempt > 1 { attributes["http.request.resend_count"] = attempt - 1 }
        }
        self.span = span
        trace = span.traceContext ?? parent
    }

    func end(_ outcome: WebhookOutcome, at end: Timestamp) {
        guard let span else { return }
        switch outcome {
        case .delivered(let status): span.attributes["http.response.status_code"] = status
        case .retryable(let failure, _), .permanent(let failure): fail(span, failure)
        case .cancelled:
            span.attributes["error.type"] = "cancelled"
            span.setStatus(SpanStatus(code: .error, message: "the gateway stopped"))
        }
        span.end(at: end)
    }

    private func fail(_ span: any Span, _ failure: WebhookFailure) {
        span.updateAttributes { attributes in
            attributes["http.response.status_code"] = failure.status
            attributes["error.type"] = failure.status.map { "\($0)" } ?? failure.kind.rawValue
        }
        span.setStatus(SpanStatus(code: .error, message: failure.description))
    }
}
