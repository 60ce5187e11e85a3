package import OTLP
package import Telemetry
import Tracing

/// The spans of one trace that are known so far, in the order in which they ended.
package struct KeptTrace: Sendable {
    /// Never empty.
    package private(set) var spans: [SpanData]
    /// The device whose reading it is; `nil` for chat and requests.
    package private(set) var device: String?
    /// The room that it went to.
    package private(set) var room: String?
    /// Whether it was recorded only because it proved slow.
    package private(set) var isSlow = false
    package private(set) var start: Timestamp
    package private(set) var end: Timestamp
    /// Whether ``start`` and ``end`` are of clocks that are known to be right.
    private var isTimed = false

    package var duration: Duration { end.since(start) }

    package init(_ span: SpanData) {
        spans = []
        start = span.start
        end = span.end
        add(span)
    }

    /// Adds a span; false when there are too many already.
    @discardableResult
    package mutating func add(_ span: SpanData) -> Bool {
        guard spans.count < TraceRing.maxSpans else { return false }
        spans.append(span)
        if device == nil { device = Self.text("windsock.device", of: span) }
        if room == nil, span.name == "hub.broadcast" { room = Self.text("messaging.destination.name", of: span) }
        if Self.text("windsock.sampled.reason", of: span) == "slow" { isSlow = true }
        // A clock that nobody knows says nothing about how long it took.
        if span.attributes.get("clock.synchronized") == .bool(false) { return true }
        start = isTimed ? min(start, span.start) : span.start
        end = isTimed ? max(end, span.end) : span.end
        isTimed = true
        return true
    }

    /// The services that took part, in alphabetical order.
    package var services: [String] { Set(spans.map(\.resource.serviceName)).sorted() }

    /// The span with that id.
    func span(_ id: UInt64) -> SpanData? { spans.first { $0.context.spanID == id } }

    private static func text(_ name: String, of span: SpanData) -> String? {
        guard case .string(let text) = span.attributes.get(name) else { return nil }
        return text
    }
}
