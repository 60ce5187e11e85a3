import Core

/// A decoder of Zigbee2MQTT's device states: `zigbee2mqtt/{friendly name}` with a flat JSON object.
///
/// A friendly name may have several levels. If the route captures no device, the device is the friendly name with `:` in
/// place of `/`, as in `kitchen:floor_light`: the levels that the route's `#` stands for, else all after the first.
///
///     {"temperature":27.34,"humidity":44.72,"battery":97,"linkquality":120,"last_seen":"2024-05-01T12:00:00+02:00"}
///     {"contact":false,"state":"ON"}
///
/// `true`, `false` and the strings `ON` and `OFF` become 1 and 0. `last_seen` (ISO 8601 or milliseconds) is the time.
/// Units are those of Zigbee2MQTT's generic exposes; `voltage` has none, because it is in mV for batteries and in V for
/// plugs. `device` and `update` describe the device and are skipped. Topics of the bridge, of availability and of
/// commands carry no readings. With `output: attribute`, which uses one topic per value, the payload is a bare value.
package struct Zigbee2MQTTDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .zigbee2mqtt }

    package init() {}

    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard !Self.isService(topic: context.topic) else { throw .notAReading(topic: context.topic) }
        var context = context
        let isAttribute = payload.first != UInt8(ascii: "{")
        if context.device == nil {
            var name = Self.friendlyName(context)
            if isAttribute, context.metric == nil, name.count > 1 { context.metric = String(name.removeLast()) }
            context.device = try DecodingContext.device(named: name.isEmpty ? nil : name.joined(separator: ":"))
        }
        if isAttribute, context.metric != nil { return try BareValueDecoder().decode(payload, context: context) }
        return try decode(try Self.parse(payload, context: context), context: context)
    }

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard case .object(let members) = value else {
            throw .wrongType(what: "the payload", expected: "an object", found: value.kind)
        }
        var collector = MetricCollector(context: context, expecting: members.count)
        var time: Timestamp?
        for member in members {
            switch (ExactString(member.name), member.value) {
            case ("last_seen", let value): time = try DeviceTime.timestamp(from: value) ?? time
            case ("device", .object), ("update", .object): continue
            case (_, .number(let number)):
                try collector.add(member.name, number, unit: Self.unit(of: member.name))
            case (_, .string(let text)): try collector.add(member.name, text: text, acceptsOnOff: true)
            case (_, let value): try collector.add(member.name, json: value)
            }
        }
        if collector.isEmpty { throw .noMetrics(hasDropped: collector.hasDropped) }
        return [
            DecodedReading(
                device: try context.device(orNamed: nil), metrics: collector.metrics, deviceTime: time,
                ignored: collector.ignored)
        ]
    }

    /// Returns true if Zigbee2MQTT uses the topic for its bridge, for availability or for commands.
    private static func isService(topic: String) -> Bool {
        let levels = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard levels.count > 2 else { return false }
        if levels.dropFirst().dropLast().contains(where: { ExactString($0) == "bridge" }) { return true }
        // Commands to a single attribute have its name as another level.
        if levels.count > 3, ["set", "get"].contains(ExactString(levels[levels.count - 2])) { return true }
        return ["availability", "set", "get"].contains(ExactString(levels[levels.count - 1]))
    }

    /// Returns the levels of the friendly name, and of the attribute if the topic carries a single one.
    private static func friendlyName(_ context: DecodingContext) -> [Substring] {
        if let rest = context.rest { return rest.split(separator: "/", omittingEmptySubsequences: false) }
        return Array(context.topic.split(separator: "/", omittingEmptySubsequences: false).dropFirst())
    }

    private static func unit(of name: String) -> String? {
        switch ExactString(name) {
        case "temperature", "device_temperature", "local_temperature", "soil_temperature": "°C"
        case "humidity", "battery", "soil_moisture": "%"
        case "pressure": "hPa"
        case "linkquality": "lqi"
        case "illuminance", "illuminance_lux": "lx"
        case "co2": "ppm"
        case "pm25", "pm10": "µg/m³"
        case "power": "W"
        case "current": "A"
        case "energy": "kWh"
        default: nil
        }
    }
}
