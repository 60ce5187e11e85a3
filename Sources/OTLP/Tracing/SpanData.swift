package import Telemetry
package import Tracing

/// A span that has ended: what processors get.
///
/// Source: OpenTelemetry specification, "Tracing API", Span.
package struct SpanData: Sendable {
    /// How much one span may hold; what is more is counted and left out (specification, "Span Limits").
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

    /// The service that made it.
    package var resource: Resource
    /// The span itself.
    package var context: TraceContext
    /// The span above it, `nil` for a root.
    package var parent: TraceContext?
    package var name: String
    package var kind: SpanKind
    package var start: Timestamp
    /// Never before ``start``.
    package var end: Timestamp
    package var attributes: SpanAttributes
    package var events: [SpanEvent]
    package var links: [SpanLink]
    /// `nil` where nothing was said: *unset*.
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
