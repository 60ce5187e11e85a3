import OTLP
import Services
import Telemetry
import Tracing

/// Traces as `/api/latency` shows them.
enum TraceJSON {
    /// What every form of a trace begins with.
    static func head(_ trace: KeptTrace) -> JSONObjectBuilder {
        var object = JSONObjectBuilder()
        object.add("trace_id", trace.spans[0].context.traceIDText)
        if let device = trace.device { object.add("device", device) }
        if let room = trace.room { object.add("room", room) }
        object.add("reason", trace.isSlow ? "slow" : "sampled")
        return object
    }

    /// A trace with its spans.
    static func object(_ trace: KeptTrace) -> [UInt8] {
        var object = head(trace)
        object.add("spans", objects: trace.spans.map(span))
        return object.finished()
    }

    /// Milliseconds with three digits behind the point.
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
