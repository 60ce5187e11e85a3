import Core
import Hummingbird
import OTLP
import Services
import Telemetry
import Tracing

/// The routes under `/api/latency`. They report the latency of readings per hop, and the slowest traces.
///
/// The figures cover all devices, and every token may see them. Of the traces, ``TraceView`` shows only what the
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
            throw Problem(.badRequest, "The trace id is not valid; expected 32 hexadecimal digits, not all 0.")
        }
        // A trace of a hidden room is reported as not found, so that its existence is not revealed.
        guard let trace = ring.trace(id), view.shows(trace), let shown = view.shown(trace) else {
            throw Problem(.notFound, "Unknown trace \(text); only recent traces are kept. It may be in the collector.")
        }
        return .json(TraceJSON.object(shown))
    }

    private static func json(_ summary: LatencyService.Summary) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("hop", summary.stage.rawValue)
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

    private static func summary(_ trace: RecentTrace) -> [UInt8] {
        var object = TraceJSON.head(trace)
        object.add("time", trace.start.secondsSinceEpoch)
        object.add("duration_ms", TraceJSON.milliseconds(trace.duration))
        object.add("services", array: trace.services)
        object.add("span_count", trace.spans.count)
        return object.finished()
    }
}

/// The JSON of traces for `/api/latency`.
enum TraceJSON {
    /// Returns the first fields of a trace, which are the same in the list and for a single trace.
    static func head(_ trace: RecentTrace) -> JSONObjectBuilder {
        var object = JSONObjectBuilder()
        object.add("trace_id", trace.spans[0].context.traceIDText)
        if let device = trace.device { object.add("device", device) }
        if let room = trace.room { object.add("room", room) }
        object.add("reason", trace.isSlow ? "slow" : "sampled")
        return object
    }

    /// Returns a trace with its spans.
    static func object(_ trace: RecentTrace) -> [UInt8] {
        var object = head(trace)
        object.add("spans", objects: trace.spans.map(span))
        return object.finished()
    }

    /// Returns the duration in milliseconds, rounded to three decimal places.
    static func milliseconds(_ duration: Duration) -> Double {
        (duration / .microseconds(1)).rounded() / 1000
    }

    private static func span(_ span: SpanData) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("span_id", span.context.spanIDText)
        if let parent = span.parent { object.add("parent_span_id", parent.spanIDText) }
        object.add("name", span.name)
        object.add("service", span.resource.serviceName)
        object.add("kind", kind(span.kind))
        object.add("start_ms", span.start.millisecondsSinceEpoch)
        object.add("duration_ms", milliseconds(span.duration))
        object.add("attributes", object: attributes(span.attributes))
        if let status = span.status, status.code == .error { object.add("error", status.message ?? "error") }
        return object.finished()
    }

    private static func kind(_ kind: SpanKind) -> String {
        switch kind {
        case .server: "server"
        case .client: "client"
        case .producer: "producer"
        case .consumer: "consumer"
        case .internal: "internal"
        }
    }

    private static func attributes(_ attributes: SpanAttributes) -> [UInt8] {
        var members: [(name: String, value: [UInt8])] = []
        attributes.forEach { name, attribute in
            var value: [UInt8] = []
            switch attribute {
            case .string(let text): JSONWriter.append(text, to: &value)
            case .int32(let number): JSONWriter.append(Int64(number), to: &value)
            case .int64(let number): JSONWriter.append(number, to: &value)
            case .double(let number): JSONWriter.append(number, to: &value)
            case .bool(true): JSONWriter.append(raw: "true", to: &value)
            case .bool(false): JSONWriter.append(raw: "false", to: &value)
            default: JSONWriter.append("\(attribute)", to: &value)
            }
            members.append((name, value))
        }
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for (index, member) in members.sorted(by: { $0.name < $1.name }).enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(member.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            bytes += member.value
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}
