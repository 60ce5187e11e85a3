/// Finds the convention of a message: by its topic when that tells, else by the shape of its payload.
///
/// 1. Topics: `zigbee2mqtt/…`; Tasmota's `tele/…/SENSOR`, `STATE` and `ENERGY`; ThingsBoard's `v1/devices/me/telemetry`
///    and `v1/gateway/telemetry`; ESPHome's `…/sensor/…/state`.
/// 2. Shapes: an object with Tasmota's `Time` and a sensor; an object of arrays of objects is ThingsBoard's gateway
///    form; an array of records is SenML; other objects and arrays are JSON. What is no JSON object or array is a bare
///    value.
package struct AutoDecoder: PayloadDecoder {
    package var convention: PayloadConvention { .auto }

    package init() {}

    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        if let convention = Self.convention(ofTopic: context.topic) {
            return try convention.decoder.decode(payload, context: context)
        }
        return try decodeByShape(payload, context: context)
    }

    /// Decodes a message whose topic does not tell the convention.
    func decodeByShape(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try context.limits.check(byteCount: payload.count)
        switch payload.first(where: { $0 > UInt8(ascii: " ") }) {
        case UInt8(ascii: "{"), UInt8(ascii: "["): break
        default: return try BareValueDecoder().decode(payload, context: context)
        }
        let value = try JSONObjectDecoder.parse(payload, context: context)
        switch value {
        case .object(let members):
            if Self.isTasmota(members) { return try TasmotaDecoder().decode(value, context: context) }
            if ThingsBoardDecoder.isGatewayForm(members) {
                return try ThingsBoardDecoder().decode(value, context: context)
            }
        case .array(let elements):
            if SenMLDecoder.isPack(elements) { return try SenMLDecoder().decode(value, context: context) }
        default: break
        }
        return try JSONObjectDecoder().decode(value, context: context)
    }

    /// The convention that a topic is known for, or `nil`.
    static func convention(ofTopic topic: String) -> PayloadConvention? {
        let levels = topic.split(separator: "/", omittingEmptySubsequences: false)
        if levels.first.map(ExactString.init) == "zigbee2mqtt" { return .zigbee2mqtt }
        if ["v1/devices/me/telemetry", "v1/gateway/telemetry"].contains(ExactString(topic)) { return .thingsboard }
        if let last = levels.last, ["SENSOR", "STATE", "ENERGY"].contains(ExactString(last)),
            levels.contains(where: { ExactString($0) == "tele" })
        {
            return .tasmota
        }
        return ESPHomeDecoder.isState(levels) ? .esphome : nil
    }

    /// Whether an object has `Time` as a string, and beside it an object: a sensor or `Wifi`.
    private static func isTasmota(_ members: [JSONMember]) -> Bool {
        var hasTime = false
        var hasObject = false
        for member in members {
            switch member.value {
            case .string: hasTime = hasTime || (member.name.utf8.count == 4 && member.name == "Time")
            case .object: hasObject = true
            default: continue
            }
        }
        return hasTime && hasObject
    }
}
