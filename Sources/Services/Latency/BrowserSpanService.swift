import Core
package import CoreMetrics
package import OTLP
import Realtime
package import Telemetry
import Tracing

/// Takes the spans that pages report of deliveries that were traced, and hands them on with the gateway's own.
///
/// Only spans of deliveries that the gateway itself has begun to record are taken, one `receive` and one `paint` for each,
/// from the user whom it was for: so that nobody with a token can fill a collector with traces of his own, or make up what
/// operators see. Thread-safe.
package final class BrowserSpanService: Sendable {
    /// What became of a request's spans.
    package struct Outcome: Sendable, Equatable {
        package var accepted = 0
        package var rejected = 0
        /// Why the first of those was rejected.
        package var reason: String?

        fileprivate mutating func refuse(_ count: Int, _ reason: String) {
            rejected += count
            if self.reason == nil { self.reason = reason }
        }
    }

    /// The most spans in one request.
    package static let maxSpans = 128
    /// From the gateway's sending of a message until a page has painted it: what takes longer is not taken.
    static let maxDelay = Duration.seconds(60)
    /// Users whose rates are remembered.
    private static let maxUsers = 16_384

    private let resource: Resource
    private let processors: [any SpanProcessor]
    private let ring: TraceRing
    private let latency: LatencyService
    private let spansPerSecond: Int
    private let budgets = Lock<[String: TraceBudget]>([:])
    private let clock: any WallClock
    private let accepted: Counter
    private let rejected: Counter

    /// - Parameters:
    ///   - resource: the service `windsock-browser`.
    ///   - processors: where spans go; `ring` is one of them.
    ///   - spansPerSecond: what one user's pages may report.
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

    /// Takes an `ExportTraceServiceRequest` in OTLP/JSON.
    ///
    /// - Throws: ``RequestError``: `invalid` when it is none, `tooLarge` when it has too many spans, `rateLimited` when the
    ///   user's pages report more than is allowed.
    package func accept(_ request: JSONValue, from user: String) throws(RequestError) -> Outcome {
        guard let resourceSpans = request["resourceSpans"]?.arrayValue,
            resourceSpans.allSatisfy({ $0.objectValue != nil })
        else {
            throw RequestError(.invalid, "The body must be an OTLP/JSON ExportTraceServiceRequest: \"resourceSpans\".")
        }
        let spans = resourceSpans.flatMap { resource in
            (resource["scopeSpans"]?.arrayValue ?? []).flatMap { $0["spans"]?.arrayValue ?? [] }
        }
        guard spans.count <= Self.maxSpans else {
            throw RequestError(.tooLarge, "At most \(Self.maxSpans) spans are taken at once, not \(spans.count).")
        }
        let now = clock.now()
        // All or nothing is what a page can repeat.
        guard budget(of: user).take(spans.count, at: now) else {
            throw RequestError(.rateLimited, "At most \(spansPerSecond) spans a second are taken of one user.")
        }
        var outcome = Outcome()
        var checked: [BrowserSpan] = []
        for span in spans {
            do throws(BrowserSpan.Refusal) {
                checked.append(try BrowserSpan(span, now: now))
            } catch {
                outcome.refuse(1, error.reason)
            }
        }
        // What a span is below comes first, in whatever order they were sent.
        for span in checked.filter({ $0.name == .receive }) + checked.filter({ $0.name == .paint }) {
            do throws(BrowserSpan.Refusal) {
                try take(span, from: user)
                outcome.accepted += 1
            } catch {
                outcome.refuse(1, error.reason)
            }
        }
        accepted.increment(by: outcome.accepted)
        rejected.increment(by: outcome.rejected)
        return outcome
    }

    private func take(_ span: BrowserSpan, from user: String) throws(BrowserSpan.Refusal) {
        guard let trace = ring.trace(TraceRing.ID(span.trace)), let parent = trace.span(span.parent) else {
            throw BrowserSpan.Refusal("its trace, or the span above it, is not one of the gateway's latest")
        }
        // A receipt is below the delivery, a painting below the receipt.
        let delivery = span.name == .receive ? parent.context.spanID : parent.parent?.spanID
        guard let delivery, let sent = trace.span(delivery) else {
            throw BrowserSpan.Refusal("the span above it is not of a delivery")
        }
        let tolerance = BrowserSpan.clockTolerance
        guard span.start.since(sent.start) >= .zero - tolerance, span.start.since(parent.start) >= .zero - tolerance
        else {
            throw BrowserSpan.Refusal("it starts before the span above it")
        }
        guard span.end.since(sent.start) <= Self.maxDelay else {
            throw BrowserSpan.Refusal("it ends more than 60 s after the message was sent")
        }
        switch latency.deliveries.report(span.name, span.trace.spanID, of: delivery, by: user) {
        case .first where trace.span(span.trace.spanID) == nil: break
        case .first: throw BrowserSpan.Refusal("its spanId is another span's")
        case .same: return
        case .taken: throw BrowserSpan.Refusal("its delivery has a \(span.name.rawValue) span already")
        case .unknown: throw BrowserSpan.Refusal("its delivery was not one of the latest to this user")
        }
        var data = SpanData(
            resource: resource, context: span.trace, parent: parent.context, name: span.name.rawValue,
            kind: span.name == .receive ? .consumer : .internal, start: span.start, end: span.end,
            attributes: span.attributes)
        data.context.isRemote = false
        data.parent?.isRemote = span.name == .receive
        // Clocks are exact to their uncertainty only: a step backwards is shown as what it is.
        if span.start < parent.start { data.attributes["clock.skewed"] = true }
        for processor in processors { processor.onEnd(data) }
        switch span.name {
        case .receive: latency.browser(.network, took: span.start.since(parent.end))
        case .paint:
            guard span.attributes.get("windsock.painted") != .bool(false) else { return }
            latency.browser(.paint, took: span.end.since(parent.start))
            latency.browser(.endToEnd, took: span.end.since(trace.start))
        }
    }

    private func budget(of user: String) -> TraceBudget {
        budgets.withLock { budgets in
            if let budget = budgets[user] { return budget }
            if budgets.count >= Self.maxUsers { budgets.removeAll() }
            let budget = TraceBudget(perSecond: spansPerSecond)
            budgets[user] = budget
            return budget
        }
    }
}
