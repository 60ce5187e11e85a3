import OTLP
import Services
import Telemetry
import Tracing

/// A trace as one token's holder may see it.
///
/// A trace goes on from a reading to everything that it caused: an alert of it is told in rooms and inboxes that are other
/// people's. A span is shown when its room may be seen, and the spans below a hidden one are hidden with it. Commands and
/// requests have no room: they are shown when they led to one that may be seen. Recipients of notifications and webhooks,
/// and clients that got a message, are shown to tokens that may join everything.
struct TraceView {
    private static let confidentialNames: Set<String> = ["notification.send", "webhook.send"]
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

    /// The trace as if it had the shown spans only: its duration says nothing of the others. `nil` when there are none.
    func shown(_ trace: KeptTrace) -> KeptTrace? {
        let spans = spans(of: trace)
        guard let first = spans.first else { return nil }
        var shown = KeptTrace(first)
        for span in spans.dropFirst() { shown.add(span) }
        return shown
    }

    /// The spans that are shown, by their start.
    private func spans(of trace: KeptTrace) -> [SpanData] {
        let byID = Dictionary(trace.spans.map { ($0.context.spanID, $0) }) { first, _ in first }
        let shownIDs = Set(
            trace.spans.lazy.filter { room(of: $0).map(grants.canSee) == true }
                .flatMap { Self.way(to: $0, in: byID) }.map(\.context.spanID))
        return trace.spans.filter { span in
            Self.way(to: span, in: byID).allSatisfy { isShown($0, isOnWay: shownIDs.contains($0.context.spanID)) }
        }.sorted { $0.start < $1.start }.map(redacted)
    }

    /// The span and those above it. Pages and devices name parents: a circle ends after all spans.
    private static func way(to span: SpanData, in spans: [UInt64: SpanData]) -> [SpanData] {
        var way = [span]
        while way.count <= spans.count, let parent = way[way.count - 1].parent.flatMap({ spans[$0.spanID] }) {
            way.append(parent)
        }
        return way
    }

    /// - Parameter isOnWay: Whether a span with a room that may be seen is below it.
    private func isShown(_ span: SpanData, isOnWay: Bool) -> Bool {
        if let room = room(of: span) { return grants.canSee(room: room) }
        if Self.confidentialNames.contains(span.name) { return seesAll }
        let isRequest = span.kind == .server
        // A `websocket.receive` of a page, rather than of a command, names the message's room.
        let isCommand = span.name == "hub.process_message" || span.attributes.get("windsock.message.type") != nil
        return isOnWay || seesAll || !(isRequest || isCommand)
    }

    /// The room that a span is about; a topic of the broker is none.
    private func room(of span: SpanData) -> String? {
        guard span.attributes.get("messaging.system") != .string("mqtt"),
            case .string(let room) = span.attributes.get("messaging.destination.name")
        else { return nil }
        return room
    }

    private func redacted(_ span: SpanData) -> SpanData {
        guard !seesAll, span.attributes.get(Self.clientID) != nil else { return span }
        var span = span
        span.attributes[Self.clientID] = nil
        return span
    }
}
