import Core

/// A decoder that detects a message's convention: by its topic if possible, else by the shape of its payload.
///
/// 1. Topics: `zigbee2mqtt/…`; Tasmota's `tele/…/SENSOR`, `STATE` and `ENERGY` and `stat/…/STATUS8`, `10` and `11`;
///    ThingsBoard's `v1/devices/me/telemetry` and `v1/gateway/telemetry`; Shelly's `shellies/…`, `…/events/rpc` and
///    `…/status/switch:0`; `v3/…/devices/…/up` of The Things Stack; `application/…/device/…/event/…` of ChirpStack;
///    `owntracks/…`; ESPHome's `…/sensor/…/state` and the same for its other components.
/// 2. Shapes: an object with a string `Time` and a nested object is Tasmota's; an object of arrays of objects is
///    ThingsBoard's gateway form; an array of records is SenML. Uplinks of The Things Stack and ChirpStack, locations
///    of OwnTracks and notifications of Shelly have members that nothing else has. Other objects and arrays are plain
///    JSON. Text with a blank and a `=` after it is Influx line protocol, and everything else is a bare value.
///
/// State topics of Home Assistant (`homeassistant/{component}/{object}/state`) have the form of ESPHome's, but contain
/// whatever the device sends, so the shape decides. A value without a name is named after the component.
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
        var context = context
        if context.metric == nil { context.metric = Self.homeAssistantComponent(inTopic: context.topic) }
        switch payload.first(where: { $0 > UInt8(ascii: " ") }) {
        case UInt8(ascii: "{"), UInt8(ascii: "["): break
        default:
            if InfluxDecoder.isLineProtocol(payload) {
                return try InfluxDecoder().decode(payload, context: context)
            }
            return try BareValueDecoder().decode(payload, context: context)
        }
        let value = try JSONObjectDecoder.parse(payload, context: context)
        switch value {
        case .object(let members):
            if let decoder = Self.decoder(ofObject: value, members) {
                return try decoder.decode(value, context: context)
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
        if let last = levels.last, TasmotaDecoder.isMessage(last, topic: levels) { return .tasmota }
        if ShellyDecoder.isShelly(topic: levels) { return .shelly }
        if TheThingsStackDecoder.isUplink(topic: levels) { return .ttn }
        if ChirpStackDecoder.isEvent(topic: levels) { return .chirpstack }
        if levels.first.map(ExactString.init) == "owntracks" { return .owntracks }
        if homeAssistantComponent(inTopic: topic) != nil { return nil }
        return ESPHomeDecoder.isState(levels) ? .esphome : nil
    }

    /// Returns the component of Home Assistant's `homeassistant/{component}/{object}/state`; `nil` for other topics.
    private static func homeAssistantComponent(inTopic topic: String) -> String? {
        guard topic.utf8.starts(with: "homeassistant/".utf8) else { return nil }
        let levels = topic.split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false)
        guard levels.count == 4, ExactString(levels[3]) == "state", levels[1].utf8.count <= 32 else { return nil }
        return String(levels[1])
    }

    /// Returns the decoder of the convention that an object's members reveal; `nil` for plain JSON.
    private static func decoder(ofObject value: JSONValue, _ members: [JSONMember]) -> (any JSONPayloadDecoder)? {
        if isTasmota(members) { return TasmotaDecoder() }
        if ThingsBoardDecoder.isGatewayForm(members) { return ThingsBoardDecoder() }
        for member in members {
            // Names are unique, so the searches for further members take place once. The length is compared first,
            // because this runs for every member of every message.
            switch (member.name.utf8.count, member.name) {
            case (5, "_type"): if OwnTracksDecoder.isLocation(value) { return OwnTracksDecoder() }
            case (6, "method"): if ShellyDecoder.isNotification(value) { return ShellyDecoder() }
            case (10, "deviceInfo"): if ChirpStackDecoder.isUplink(value) { return ChirpStackDecoder() }
            case (14, "uplink_message"): if TheThingsStackDecoder.isUplink(value) { return TheThingsStackDecoder() }
            default: continue
            }
        }
        return nil
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
