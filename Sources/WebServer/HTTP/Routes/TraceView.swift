import Core
import OTLP
import Services
import Tracing

/// A filter that reduces traces to the spans that a token's holder may see.
///
/// A trace continues from a reading to everything it caused, such as alerts that appear in other people's rooms and
/// inboxes.
///
/// - A span with a room is shown if the token may see the room.
/// - Commands and requests have no room. They are shown if a span below them is in a room that the token may see.
/// - The spans of sent notifications and webhooks, which name recipients, and the ids of clients that received a
///   message are shown only to tokens that may join `#`.
/// - All other spans are shown, but nothing below a hidden span is.
struct TraceView {
    private static let confidentialNames: Set<String> = ["notification.send", "webhook.send"]
    private static let clientID = "messaging.client.id"

    private let grants: RoomGrants
    private let seesAll: Bool

    init(for grants: RoomGrants) {
        self.grants = grants
        seesAll = grants.canJoinEverything
    }

    /// Returns true when the token may see the trace's room. A trace without a room requires a token that may join `#`.
    func shows(_ trace: RecentTrace) -> Bool {
        trace.room.map(grants.canSee) ?? seesAll
    }

    /// Returns a trace of the visible spans only, so that its duration reveals nothing about the others. `nil` when
    /// there are none.
    func shown(_ trace: RecentTrace) -> RecentTrace? {
        let spans = spans(of: trace)
        guard let first = spans.first else { return nil }
        var shown = RecentTrace(first)
        for span in spans.dropFirst() { shown.add(span) }
        return shown
    }

    /// Returns the visible spans, sorted by start time.
    private func spans(of trace: RecentTrace) -> [SpanData] {
        let byID = Dictionary(trace.spans.map { ($0.context.spanID, $0) }) { first, _ in first }
        let shownIDs = Set(
            trace.spans.lazy.filter { room(of: $0).map(grants.canSee) == true }
                .flatMap { Self.way(to: $0, in: byID) }.map(\.context.spanID))
        return trace.spans.filter { span in
            Self.way(to: span, in: byID).allSatisfy { isShown($0, isOnWay: shownIDs.contains($0.context.spanID)) }
        }.sorted { $0.start < $1.start }.map(redacted)
    }

    /// Returns the span and its ancestors. Pages and devices choose the parents of their spans, so the ancestors may
    /// form a cycle. The walk ends once it is longer than the number of spans.
    private static func way(to span: SpanData, in spans: [UInt64: SpanData]) -> [SpanData] {
        var way = [span]
        while way.count <= spans.count, let parent = way[way.count - 1].parent.flatMap({ spans[$0.spanID] }) {
            way.append(parent)
        }
        return way
    }

    /// Returns true when a span is visible, regardless of its ancestors.
    ///
    /// - Parameter isOnWay: True when the span or one of its descendants is in a visible room.
    private func isShown(_ span: SpanData, isOnWay: Bool) -> Bool {
        if let room = room(of: span) { return grants.canSee(room: room) }
        if Self.confidentialNames.contains(span.name) { return seesAll }
        let isRequest = span.kind == .server
        // Only a command's `websocket.receive` has this attribute; that of a page names the message's room.
        let isCommand = span.name == "hub.process_message" || span.attributes.get("windsock.message.type") != nil
        return isOnWay || seesAll || !(isRequest || isCommand)
    }

    /// Returns the room that a span is about. An MQTT topic is not a room.
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
