package import Core
package import Tracing

/// The data of a span that has ended, as passed to processors.
///
/// Source: OpenTelemetry specification, "Tracing API", Span.
package struct SpanData: Sendable {
    /// The maximum numbers of a span's attributes, events and links. Further ones are dropped and counted
    /// (specification, "Span Limits").
    package struct Limits: Sendable {
        package var attributes: Int
        package var events: Int
        package var links: Int

        package init(attributes: Int = 128, events: Int = 128, links: Int = 128) {
            self.attributes = attributes
            self.events = events
            self.links = links
        }
    }

    /// The service that created the span.
    package var resource: Resource
    /// The trace context of the span itself.
    package var context: TraceContext
    /// The trace context of the parent span; `nil` for a root span.
    package var parent: TraceContext?
    package var name: String
    package var kind: SpanKind
    package var start: Timestamp
    /// The end time, never before ``start``.
    package var end: Timestamp
    package var attributes: SpanAttributes
    package var events: [SpanEvent]
    package var links: [SpanLink]
    /// The status; `nil` for *unset*.
    package var status: SpanStatus?
    package var droppedAttributeCount = 0
    package var droppedEventCount = 0
    package var droppedLinkCount = 0

    package init(
        resource: Resource,
        context: TraceContext,
        parent: TraceContext?,
        name: String,
        kind: SpanKind,
        start: Timestamp,
        end: Timestamp,
        attributes: SpanAttributes = [:],
        events: [SpanEvent] = [],
        links: [SpanLink] = [],
        status: SpanStatus? = nil
    ) {
        self.resource = resource
        self.context = context
        self.parent = parent
        self.name = name
        self.kind = kind
        self.start = start
        self.end = end
        self.attributes = attributes
        self.events = events
        self.links = links
        self.status = status
    }

    package var duration: Duration { end.since(start) }
}

/// A receiver of sampled spans that have ended, for example to export them or to keep them for the latency page.
package protocol SpanProcessor: Sendable {
    /// Processes a span. Called on the thread that ended it, including event loops and the MQTT thread, so it must be
    /// fast and must not block.
    func onEnd(_ span: SpanData)
}

/// A processor that exports ended spans in batches. Its ``OTLPPipeline`` runs it.
///
/// Source: OpenTelemetry specification, "Tracing SDK", Batching processor.
package struct BatchSpanProcessor: SpanProcessor {
    let exporter: BatchExporter<SpanData>

    /// Queues a span, holding a lock only for an append. If the queue is full, counts the span as dropped.
    package func onEnd(_ span: SpanData) {
        guard span.context.isSampled else { return }
        exporter.offer(span)
    }
}
