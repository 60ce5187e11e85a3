import OTLP
import Services
import Telemetry
import Tracing

/// What one token's holder sees of a trace.
///
/// A trace goes on from a reading to everything that it caused: an alert of it is told in rooms and inboxes that are other
/// people's. A span is shown where its own room may be seen, and what came of a hidden span is hidden with it. Whom
/// notifications and webhooks are for, and which clients got a message, is for those who may join everything.
struct TraceView {
    /// What is told to whom, and what people have asked for.
    private static let confidentialNames: Set<String> = [
        "notification.send", "webhook.send", "hub.process_message", "websocket.upgrade",
    ]
    private static let clientID = "messaging.client.id"

    private let grants: RoomGrants
    private let seesAll: Bool

    init(for grants: RoomGrants) {
        self.grants = grants
        seesAll = grants.canJoinEverything
    }

    /// Whether the trace is shown at all.
    func shows(_ trace: KeptTrace) -> Bool {
        trace.room.map(grants.canSee) ?? seesAll
    }

    /// The spans that are shown, by their start.
    func spans(of trace: KeptTrace) -> [SpanData] {
        let byID = Dictionary(trace.spans.map { ($0.context.spanID, $0) }) { first, _ in first }
        return trace.spans.filter { span in
            var next: SpanData? = span
            // Parents are what pages and devices say: a circle must not keep us.
            for _ in 0..<trace.spans.count {
                guard let current = next else { return true }
                guard isShown(current) else { return false }
                next = current.parent.flatMap { byID[$0.spanID] }
            }
            return next == nil
        }.sorted { $0.start < $1.start }.map(redacted)
    }

    private func isShown(_ span: SpanData) -> Bool {
        // Requests, and commands that came over a WebSocket; a page's own `websocket.receive` has no type.
        let isAsked =
            span.kind == .server || span.attributes.get("windsock.message.type") != nil && span.name != "hub.broadcast"
        if isAsked || Self.confidentialNames.contains(span.name) { return seesAll }
        // A topic of the broker is no room.
        guard span.attributes.get("messaging.system") != .string("mqtt"),
            case .string(let room) = span.attributes.get("messaging.destination.name")
        else { return true }
        return grants.canSee(room: room)
    }

    private func redacted(_ span: SpanData) -> SpanData {
        guard !seesAll, span.attributes.get(Self.clientID) != nil else { return span }
        var span = span
        span.attributes[Self.clientID] = nil
        return span
    }
}
