package import Core
package import CoreMetrics
package import OTLP
import Realtime
import Tracing

/// A service that accepts the spans that pages report for traced deliveries, and passes them to the span processors.
///
/// Only spans of deliveries that the gateway itself has traced are accepted: one `receive` and one `paint` each, from
/// the user who got the delivery. A token holder can therefore neither flood the collector with traces nor forge what
/// operators see. Thread-safe.
package final class BrowserSpanService: Sendable {
    /// The numbers of accepted and rejected spans of a request.
    package struct AcceptResult: Sendable, Equatable {
        package var accepted = 0
        package var rejected = 0
        /// The reason for the first rejection.
        package var reason: String?

        fileprivate mutating func refuse(_ count: Int, _ reason: String) {
            rejected += count
            if self.reason == nil { self.reason = reason }
        }
    }

    /// The most spans in one request.
    package static let maxSpans = 128
    /// The longest time between sending a message and painting it. Later spans are rejected.
    static let maxDelay = Duration.seconds(60)
    /// The most users with a rate limiter at once.
    private static let maxUsers = 16_384

    private let resource: Resource
    private let processors: [any SpanProcessor]
    private let ring: TraceRing
    private let latency: LatencyService
    private let spansPerSecond: Int
    private let rateLimits = Lock<[UserID: RateLimit]>([:])
    private let clock: any WallClock
    private let accepted: Counter
    private let rejected: Counter

    /// - Parameters:
    ///   - resource: The OTLP resource of the spans, for the service `windsock-browser`.
    ///   - processors: The span processors; `ring` is one of them.
    ///   - spansPerSecond: The rate limit per user.
    package init(
        resource: Resource, processors: [any SpanProcessor], ring: TraceRing, latency: LatencyService,
        spansPerSecond: Int = 500, factory: any MetricsFactory, clock: any WallClock = SystemWallClock()
    ) {
        self.resource = resource
        self.processors = processors
        self.ring = ring
        self.latency = latency
        self.spansPerSecond = spansPerSecond
        self.clock = clock
        accepted = Counter(label: "windsock_browser_spans", dimensions: [("result", "accepted")], factory: factory)
        rejected = Counter(label: "windsock_browser_spans", dimensions: [("result", "rejected")], factory: factory)
    }

    /// Accepts an `ExportTraceServiceRequest` in OTLP/JSON.
    ///
    /// - Throws: ``RequestError``: `invalid` for a malformed request, `tooLarge` for too many spans, `rateLimited` when
    ///   the user's pages report more than allowed.
    package func accept(_ request: JSONValue, from user: UserID) throws(RequestError) -> AcceptResult {
        guard let resourceSpans = request["resourceSpans"]?.arrayValue,
            resourceSpans.allSatisfy({ $0.objectValue != nil })
        else {
            throw RequestError(
                .invalid, "\"resourceSpans\" is invalid; expected an ExportTraceServiceRequest in OTLP/JSON.")
        }
        let spans = resourceSpans.flatMap { resource in
            (resource["scopeSpans"]?.arrayValue ?? []).flatMap { $0["spans"]?.arrayValue ?? [] }
        }
        guard spans.count <= Self.maxSpans else {
            throw RequestError(
                .tooLarge, "Too many spans (\(spans.count)); allowed: at most \(Self.maxSpans) per request.")
        }
        let now = clock.now()
        // All or nothing: a page can then retry the whole request.
        guard rateLimit(of: user).take(spans.count, at: now) else {
            throw RequestError(.rateLimited, "Too many spans; allowed: at most \(spansPerSecond) per second and user.")
        }
        var result = AcceptResult()
        var checked: [BrowserSpan] = []
        for span in spans {
            do throws(RequestError) {
                checked.append(try BrowserSpan(span, now: now))
            } catch {
                result.refuse(1, error.description)
            }
        }
        // Parents first, whatever the order in the request.
        for span in checked.filter({ $0.name == .receive }) + checked.filter({ $0.name == .paint }) {
            do throws(RequestError) {
                try process(span, from: user)
                result.accepted += 1
            } catch {
                result.refuse(1, error.description)
            }
        }
        accepted.increment(by: result.accepted)
        rejected.increment(by: result.rejected)
        return result
    }

    private func process(_ span: BrowserSpan, from user: UserID) throws(RequestError) {
        guard let trace = ring.trace(TraceRing.ID(span.trace)), let parent = trace.span(span.parent) else {
            throw RequestError(.invalid, "its trace or its parent span is unknown or no longer kept")
        }
        // A `receive` span is a child of the delivery, a `paint` span a child of the `receive` span.
        let delivery = span.name == .receive ? parent.context.spanID : parent.parent?.spanID
        guard let delivery, let sent = trace.span(delivery) else {
            throw RequestError(.invalid, "its parent span does not belong to a delivery")
        }
        let tolerance = BrowserSpan.clockTolerance
        guard span.start.since(sent.start) >= .zero - tolerance, span.start.since(parent.start) >= .zero - tolerance
        else {
            throw RequestError(.invalid, "it starts before its parent span")
        }
        guard span.end.since(sent.start) <= Self.maxDelay else {
            throw RequestError(.invalid, "it ends more than 60 s after the message was sent")
        }
        switch latency.deliveries.report(span.name, span.trace.spanID, of: delivery, by: user) {
        case .first where trace.span(span.trace.spanID) == nil: break
        case .first: throw RequestError(.invalid, "duplicate spanId")
        case .same: return
        case .taken: throw RequestError(.invalid, "its delivery already has a \(span.name.rawValue) span")
        case .unknown: throw RequestError(.invalid, "its delivery to this user is unknown or no longer kept")
        }
        var data = SpanData(
            resource: resource, context: span.trace, parent: parent.context, name: span.name.rawValue,
            kind: span.name == .receive ? .consumer : .internal, start: span.start, end: span.end,
            attributes: span.attributes)
        data.context.isRemote = false
        data.parent?.isRemote = span.name == .receive
        // Clocks are accurate only to their uncertainty. A negative gap is kept, and marked as clock skew.
        if span.start < parent.start { data.attributes["clock.skewed"] = true }
        for processor in processors { processor.onEnd(data) }
        switch span.name {
        case .receive: latency.recordBrowser(.network, took: span.start.since(parent.end))
        case .paint:
            guard span.attributes.get("windsock.painted") != .bool(false) else { return }
            latency.recordBrowser(.paint, took: span.end.since(parent.start))
            latency.recordBrowser(.endToEnd, took: span.end.since(trace.start))
        }
    }

    private func rateLimit(of user: UserID) -> RateLimit {
        rateLimits.withLock { rateLimits in
            if let rateLimit = rateLimits[user] { return rateLimit }
            if rateLimits.count >= Self.maxUsers { rateLimits.removeAll() }
            let rateLimit = RateLimit(perSecond: spansPerSecond)
            rateLimits[user] = rateLimit
            return rateLimit
        }
    }
}

/// The latest traced deliveries, each with its user and the spans that this user's pages have reported for it.
///
/// A page can report only deliveries to its own user, and each of them once. Bounded: the oldest deliveries are
/// evicted, and later reports for them are rejected. Thread-safe.
final class TracedDeliveries: Sendable {
    /// The result of a report.
    enum ReportResult {
        case first
        /// The same span again: a page that got no response has retried.
        case same
        /// Another span was already reported for the delivery.
        case taken
        /// The delivery went to another user, or was evicted.
        case unknown
    }

    private struct Delivery {
        let user: UserID
        /// The IDs of the spans that pages reported for the delivery; `nil` before a report.
        var receive: UInt64?
        var paint: UInt64?
    }

    private struct State {
        /// The deliveries by the ID of their span `websocket.send`.
        var deliveries: [UInt64: Delivery] = [:]
        /// A ring buffer of the IDs, oldest first from `next` on.
        var order: [UInt64] = []
        var next = 0
    }

    /// The number of deliveries to keep. It covers about 40 s at 200 deliveries per second, which is longer than pages
    /// wait before they report.
    static let capacity = 8192

    private let state = Lock(State())

    /// Records that a message is about to be sent to a client of `user` under `span`.
    func sending(_ span: TraceContext, to user: UserID) {
        let id = span.spanID
        state.withLock { state in
            if state.order.count < Self.capacity {
                state.order.append(id)
            } else {
                state.deliveries[state.order[state.next]] = nil
                state.order[state.next] = id
                state.next = (state.next + 1) % Self.capacity
            }
            state.deliveries[id] = Delivery(user: user)
        }
    }

    /// Records that a page of `user` has received or painted the delivery. Only the first report of each kind is
    /// accepted.
    func report(_ name: BrowserSpan.Name, _ span: UInt64, of delivery: UInt64, by user: UserID) -> ReportResult {
        state.withLock { state in
            guard var found = state.deliveries[delivery], found.user == user else { return .unknown }
            let earlier = name == .receive ? found.receive : found.paint
            if let earlier { return earlier == span ? .same : .taken }
            switch name {
            case .receive: found.receive = span
            case .paint: found.paint = span
            }
            state.deliveries[delivery] = found
            return .first
        }
    }
}
