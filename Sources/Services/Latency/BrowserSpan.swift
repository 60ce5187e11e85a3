import Core
import OTLP
import Tracing

/// One span of a browser's OTLP/JSON, validated: only known names, attributes and plausible times are accepted.
///
/// Source: OTLP specification, "JSON Protobuf Encoding"; `opentelemetry/proto/trace/v1/trace.proto`.
struct BrowserSpan {
    /// The names of the two spans that a page may report: it received a message, and it painted the message.
    enum Name: String, CaseIterable {
        case receive = "websocket.receive"
        case paint = "dashboard.paint"
    }

    /// The attributes that are forwarded. Others are dropped, because forwarded attributes end up in the collector.
    private static let attributeNames: Set<String> = [
        "clock.offset_ms", "clock.uncertainty_ms", "clock.synchronized", "messaging.system",
        "messaging.destination.name", "messaging.operation.name", "messaging.operation.type", "windsock.device",
        "windsock.message.type", "windsock.painted",
    ]
    private static let maxTextByteCount = 256
    /// The greatest age of an accepted span.
    private static let maxAge = Duration.seconds(600)
    /// The tolerated difference between the gateway's clock and a page's clock, after the page has corrected its own.
    static let clockTolerance = Duration.seconds(2)

    let name: Name
    let trace: TraceContext
    let parent: UInt64
    let start: Timestamp
    let end: Timestamp
    let attributes: SpanAttributes

    /// - Throws: ``RequestError`` with the reason.
    init(_ span: JSONValue, now: Timestamp) throws(RequestError) {
        guard let name = span["name"]?.stringValue.flatMap(Name.init(rawValue:)) else {
            throw RequestError(
                .invalid, "unknown name; allowed: \(Name.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self.name = name
        guard let traceID = span["traceId"]?.stringValue, let spanID = span["spanId"]?.stringValue,
            let trace = TraceContext(traceparent: "00-\(traceID.lowercased())-\(spanID.lowercased())-01")
        else {
            throw RequestError(.invalid, "invalid traceId or spanId; expected 32 and 16 hexadecimal digits, not all 0")
        }
        self.trace = trace
        guard let parentID = span["parentSpanId"]?.stringValue,
            let parent = TraceContext(traceparent: "00-\(traceID.lowercased())-\(parentID.lowercased())-01")
        else {
            throw RequestError(
                .invalid,
                "invalid parentSpanId; expected 16 hexadecimal digits, not all 0 (pages cannot start traces)")
        }
        self.parent = parent.spanID
        start = try Self.time(span["startTimeUnixNano"], "startTimeUnixNano", now)
        end = try Self.time(span["endTimeUnixNano"], "endTimeUnixNano", now)
        guard start <= end else { throw RequestError(.invalid, "it ends before it starts") }
        attributes = Self.attributes(span["attributes"]?.arrayValue ?? [])
    }

    private static func time(_ value: JSONValue?, _ name: String, _ now: Timestamp) throws(RequestError) -> Timestamp {
        let nanoseconds =
            value?.stringValue.flatMap { Int64($0) } ?? value?.numberValue.flatMap { Int64(exactly: $0.rounded()) }
        guard let nanoseconds else {
            throw RequestError(.invalid, "invalid \(name); expected nanoseconds since 1970 as a string")
        }
        let time = Timestamp(nanosecondsSinceEpoch: nanoseconds)
        guard (.zero - clockTolerance...maxAge).contains(now.since(time)) else {
            throw RequestError(.invalid, "\(name) is out of range; allowed: the last 10 minutes by the gateway's clock")
        }
        return time
    }

    private static func attributes(_ list: [JSONValue]) -> SpanAttributes {
        var attributes = SpanAttributes()
        for attribute in list.prefix(attributeNames.count * 2) {
            guard let key = attribute["key"]?.stringValue, attributeNames.contains(key), let value = attribute["value"]
            else { continue }
            if let text = value["stringValue"]?.stringValue {
                guard text.utf8.count <= maxTextByteCount else { continue }
                attributes[key] = text
            } else if let number = value["doubleValue"]?.numberValue ?? value["intValue"]?.numberValue {
                attributes[key] = number
            } else if let flag = value["boolValue"]?.boolValue {
                attributes[key] = flag
            }
        }
        return attributes
    }
}
