import Core

/// A decoder of ThingsBoard telemetry, as documented for its MQTT device API and gateway API.
///
///     {"temperature":22.5}                                       device: values now
///     {"ts":1451649600512,"values":{"temperature":22.5}}         device: values at a given time
///     [{"ts":…,"values":{…}},{"temperature":22.5}]               device: several of both
///     {"Device A":[{"ts":…,"values":{…}}],"Device B":[…]}        gateway: several devices
///
/// A topic that names a device accepts the gateway form only for that device, unless its route allows foreign devices.
///
/// `ts` is a time only next to an object `values`. In a plain object every name is a metric, including `ts`. The API
/// uses milliseconds; seconds are recognised as well. Strings and arrays are ignored.
package struct ThingsBoardDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .thingsboard }

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        var readings: [DecodedReading] = []
        var hasDropped = false
        switch value {
        case .object(let members) where Self.isGatewayForm(members):
            for member in members {
                let device = try context.payloadDevice(named: member.name)
                try add(member.value.arrayValue ?? [], of: device, to: &readings, &hasDropped, context: context)
            }
        case .object:
            try add([value], of: try context.device(orNamed: nil), to: &readings, &hasDropped, context: context)
        case .array(let elements):
            try add(elements, of: try context.device(orNamed: nil), to: &readings, &hasDropped, context: context)
        default: throw .wrongType(what: "the payload", expected: "an object or an array of objects", found: value.kind)
        }
        if readings.isEmpty { throw .noMetrics(hasDropped: hasDropped) }
        return readings
    }

    /// Returns true if every member is a non-empty array of objects, so that the member names are devices.
    static func isGatewayForm(_ members: [JSONMember]) -> Bool {
        !members.isEmpty
            && members.allSatisfy { member in
                guard case .array(let elements) = member.value, !elements.isEmpty else { return false }
                return elements.allSatisfy { if case .object = $0 { true } else { false } }
            }
    }

    private func add(
        _ elements: [JSONValue], of device: DeviceID, to readings: inout [DecodedReading], _ hasDropped: inout Bool,
        context: DecodingContext
    ) throws(DecodeError) {
        try context.limits.check(readingCount: readings.count + elements.count)
        for element in elements {
            guard case .object(let members) = element else {
                throw .wrongType(what: "an element of the telemetry array", expected: "an object", found: element.kind)
            }
            var values = members
            var time: Timestamp?
            if case .object(let timed)? = element["values"] {
                values = timed
                if let given = element["ts"] { time = try DeviceTime.timestamp(from: given) }
            }
            var collector = MetricCollector(context: context, expecting: values.count)
            for value in values { try collector.add(value.name, json: value.value) }
            if collector.hasDropped { hasDropped = true }
            if collector.isEmpty { continue }
            readings.append(
                DecodedReading(
                    device: device, metrics: collector.metrics, deviceTime: time, ignored: collector.ignored))
        }
    }
}
