import Core

/// A decoder that detects a message's convention: by its topic if possible, else by the shape of its payload.
///
/// 1. Topics: `zigbee2mqtt/…`; Tasmota's `tele/…/SENSOR`, `STATE` and `ENERGY`; ThingsBoard's `v1/devices/me/telemetry`
///    and `v1/gateway/telemetry`; ESPHome's `…/sensor/…/state` and the same for its other components.
/// 2. Shapes: an object with a string `Time` and a nested object is Tasmota's; an object of arrays of objects is
///    ThingsBoard's gateway form; an array of records is SenML. Other objects and arrays are plain JSON, and everything
///    else is a bare value.
package struct AutoDecoder: PayloadDecoder {
    package var convention: PayloadConvention { .auto }

    package init() {}

    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        if let convention = Self.convention(ofTopic: context.topic) {
            return try convention.decoder.decode(payload, context: context)
        }
        return try decodeByShape(payload, context: context)
    }

    /// Decodes a message whose topic does not determine the convention.
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

    /// Returns the convention that the topic implies, or `nil`.
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

    /// Returns true if the object has a string `Time` and another member that is an object, such as a sensor or `Wifi`.
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
