import Core

/// A decoder of JSON objects whose numbers are metrics under their own names, the format of most home-made devices.
///
///     {"temperature":21.5,"humidity":40.2,"seq":17}
///     {"value":21.5,"unit":"°C"}                      metric from the topic, else "metric", "sensor" or "name"
///     {"ts":1714564800000,"values":{"temperature":21.5}}
///     [{"ts":…,"values":{…}},{"ts":…,"values":{…}}]   several readings
///
/// - `true` and `false` become 1 and 0.
/// - Nested objects join their names with `.`; an object with a number `value` and a string `unit` is one metric.
/// - Strings and arrays inside a reading are reported as ignored, unless the route knows a string as a state; `null` is
///   skipped.
/// - `ts`, `time` and `timestamp` of the outer object are the time, see ``DeviceTime``.
/// - `traceparent` and `tracestate` are the trace context.
/// - `device` is the device if the topic does not name one.
package struct JSONObjectDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .json }

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        switch value {
        case .object(let members):
            var hasDropped = false
            guard let reading = try reading(of: members, &hasDropped, context: context) else {
                throw .noMetrics(hasDropped: hasDropped)
            }
            return [reading]
        case .array(let elements): return try readings(of: elements, context: context)
        case .number(let number): return [try BareValueDecoder.reading(of: number, context: context)]
        case .bool(let bool): return [try BareValueDecoder.reading(of: bool ? 1 : 0, context: context)]
        case .null, .string:
            throw .wrongType(what: "the payload", expected: "an object of numbers, or a number", found: value.kind)
        }
    }

    private func readings(of elements: [JSONValue], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try context.limits.check(readingCount: elements.count)
        var readings: [DecodedReading] = []
        readings.reserveCapacity(elements.count)
        var hasDropped = false
        for element in elements {
            guard case .object(let members) = element else {
                throw .wrongType(what: "an element of the payload array", expected: "an object", found: element.kind)
            }
            if let reading = try reading(of: members, &hasDropped, context: context) { readings.append(reading) }
        }
        if readings.isEmpty { throw .noMetrics(hasDropped: hasDropped) }
        return readings
    }

    /// Decodes an object into a reading; `nil` if it has no metrics.
    ///
    /// - Parameter hasDropped: Set to true if a rule of the route has dropped metrics.
    private func reading(
        of members: [JSONMember], _ hasDropped: inout Bool, context: DecodingContext
    ) throws(DecodeError) -> DecodedReading? {
        var collector = MetricCollector(context: context, expecting: members.count)
        var annotations = JSONAnnotations()
        try annotations.read(members, into: &collector, context: context)
        if collector.hasDropped { hasDropped = true }
        if collector.isEmpty { return nil }
        return DecodedReading(
            device: try context.device(orNamed: annotations.device), metrics: collector.metrics,
            deviceTime: annotations.time, trace: annotations.trace.context, ignored: collector.ignored)
    }
}

/// The members of a JSON reading that are no metrics: its time, device and trace context.
struct JSONAnnotations {
    private(set) var time: Timestamp?
    private(set) var device: String?
    private(set) var trace = EmbeddedTrace()

    /// Reads the members of an object. Its metrics are added to `collector`.
    mutating func read(
        _ members: [JSONMember], into collector: inout MetricCollector, context: DecodingContext
    ) throws(DecodeError) {
        for member in members {
            switch (JSONMemberRole(of: member.name), member.value) {
            case (.metric, .string(let text)):
                if !Self.describesValue(member.name, in: members) { try collector.add(member.name, text: text) }
            case (.metric, let value): try collector.add(member.name, json: value)
            case (.time, let value): time = try DeviceTime.timestamp(from: value) ?? time
            case (.value, let value): try Self.addValue(value, of: members, to: &collector, context: context)
            case (.values, .object(let values)):
                for member in values { try collector.add(member.name, json: member.value) }
            case (.device, .string(let name)): device = name
            case (.traceparent, .string(let text)): trace.parent = text
            case (.tracestate, .string(let text)): trace.state = text
            case (_, let value): try collector.add(member.name, json: value)
            }
        }
    }

    /// Adds the member `value`, whose name and unit come from other members or from the topic.
    private static func addValue(
        _ value: JSONValue, of members: [JSONMember], to collector: inout MetricCollector, context: DecodingContext
    ) throws(DecodeError) {
        let object = JSONValue.object(members)
        let name =
            context.metric ?? object["metric"]?.stringValue ?? object["sensor"]?.stringValue
            ?? object["name"]?.stringValue ?? context.metricOrDefault
        switch value {
        case .number(let number): try collector.add(name, number, unit: object["unit"]?.stringValue)
        case .bool(let bool): try collector.add(name, bool ? 1 : 0)
        case .object: try collector.add(name, json: value)
        case .null: return
        case .string, .array:
            if let text = value.stringValue, try collector.addState(text, to: name) { return }
            throw .wrongType(what: "the member 'value'", expected: "a number or a boolean", found: value.kind)
        }
    }

    /// Returns true for a text that ``addValue(_:of:to:context:)`` uses.
    private static func describesValue(_ name: String, in members: [JSONMember]) -> Bool {
        switch ExactString(name) {
        case "unit", "metric", "sensor", "name": members.contains { ExactString($0.name) == "value" }
        default: false
        }
    }
}

/// The role of a member of a JSON reading, determined by its name.
enum JSONMemberRole {
    case metric
    case time
    case value
    case values
    case device
    case traceparent
    case tracestate

    /// Compares the length first, because this runs for every member of every message and most members are metrics.
    @inline(__always)
    init(of name: String) {
        switch name.utf8.count {
        case 2: self = name == "ts" ? .time : .metric
        case 4: self = name == "time" ? .time : .metric
        case 5: self = name == "value" ? .value : .metric
        case 6: self = name == "values" ? .values : name == "device" ? .device : .metric
        case 9: self = name == "timestamp" ? .time : .metric
        case 10: self = name == "tracestate" ? .tracestate : .metric
        case 11: self = name == "traceparent" ? .traceparent : .metric
        default: self = .metric
        }
    }
}

/// The trace context that a device writes into its payload because MQTT 3.1.1 has no user properties.
struct EmbeddedTrace {
    var parent: String?
    var state: String?

    /// The trace context, or `nil` if it is missing or invalid.
    var context: TraceContext? {
        guard let parent else { return nil }
        return TraceContext(traceparent: parent, state: state)
    }
}
