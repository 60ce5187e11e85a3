import Hummingbird
import Services
import Telemetry

/// How long readings take on their way, and the traces of those that took longest.
///
/// The hops' figures are of all devices together, and every token may see them; of traces, ``TraceView`` shows what the
/// token's `join` grants.
struct LatencyRoutes {
    private static let maxTraces = 50

    let latency: LatencyService
    let ring: TraceRing
    var clock: any WallClock = SystemWallClock()

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("latency", use: overview)
        group.get("latency/traces/{trace_id}", use: trace)
    }

    @Sendable private func overview(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let view = TraceView(for: try context.requireIdentity().grants)
        let minutes = try request.query("minutes", in: 1...60, default: 60)
        let device = request.query("device")
        let start = clock.now().advanced(by: .seconds(-60 * minutes))
        var body = JSONObjectBuilder()
        body.add("interval_s", Int(LatencySeries.interval))
        body.add("threshold_ms", latency.configuration.slowThreshold / .milliseconds(1))
        body.add("hops", objects: latency.summaries(since: start).map(Self.json))
        let traces = ring.slowest(Self.maxTraces) { trace in
            trace.start >= start && (device == nil || trace.device == device)
                && view.shows(trace)
        }
        let shown = traces.compactMap(view.shown).sorted { $0.duration > $1.duration }
        body.add("traces", objects: shown.map(Self.summary))
        return .json(body.finished())
    }

    @Sendable private func trace(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let view = TraceView(for: try context.requireIdentity().grants)
        guard let text = context.parameters.get("trace_id"), let id = TraceRing.ID(text: text.lowercased()) else {
            throw Problem(.badRequest, "A trace's id has 32 hexadecimal digits, not all 0.")
        }
        // Whether a trace of somebody else's room exists is nobody's business either.
        guard let trace = ring.trace(id), view.shows(trace), let shown = view.shown(trace) else {
            throw Problem(.notFound, "The trace \(text) is not among the latest; it may be in the collector.")
        }
        return .json(TraceJSON.object(shown))
    }

    private static func json(_ summary: LatencyService.Summary) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("hop", summary.hop.rawValue)
        add(summary.total, to: &object)
        object.add("max_ms", summary.total.maximumMilliseconds)
        object.add(
            "series",
            objects: summary.points.map { point in
                var object = JSONObjectBuilder()
                object.add("time", Int(point.time))
                add(point.histogram, to: &object)
                return object.finished()
            })
        return object.finished()
    }

    private static func add(_ histogram: LatencyHistogram, to object: inout JSONObjectBuilder) {
        object.add("count", histogram.count)
        object.add("p50_ms", histogram.percentileMilliseconds(0.5))
        object.add("p90_ms", histogram.percentileMilliseconds(0.9))
        object.add("p99_ms", histogram.percentileMilliseconds(0.99))
    }

    private static func summary(_ trace: KeptTrace) -> [UInt8] {
        var object = TraceJSON.head(trace)
        object.add("time", trace.start.secondsSinceEpoch)
        object.add("duration_ms", TraceJSON.milliseconds(trace.duration))
        object.add("services", array: trace.services)
        object.add("span_count", trace.spans.count)
        return object.finished()
    }
}
