import Core

/// A decoder of uplink events from ChirpStack v4 in JSON: `application/{id}/device/{devEUI}/event/up`.
///
///     {"time":"2022-07-18T09:34:15.775023242+00:00","deviceInfo":{"deviceName":"Test device","devEui":"0101010101010101"},
///      "object":{"temperatureSensor":{"1":25}},"rxInfo":[{"gatewayId":"0016c001f153a14c","rssi":-36,"snr":10.5}]}
///
/// The metrics are those of `object`, which the device profile's codec creates and which has no units, and the
/// ``LoRaWANLink``. If the topic names no device, `deviceName` does, or `devEui` if the name is not a valid device name.
/// The other events (`status`, `join`, `ack`, `txack`, `log`, `location`, `integration`) carry no reading.
///
/// Source: "Event types" and "MQTT integration" in ChirpStack's documentation.
package struct ChirpStackDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .chirpstack }

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard case .object(let members) = value else {
            throw .wrongType(what: "the payload", expected: "an object", found: value.kind)
        }
        guard case .object? = value["deviceInfo"] else {
            throw .wrongType(
                what: "the member 'deviceInfo'", expected: "an object", found: value["deviceInfo"]?.kind ?? "missing")
        }
        guard Self.isUplink(value) else { throw .notAReading(topic: context.topic) }
        var collector = MetricCollector(context: context, expecting: members.count)
        var link = LoRaWANLink(receptions: nil)
        var time: Timestamp?
        for member in members {
            switch (ExactString(member.name), member.value) {
            case ("object", .object(let values)):
                for value in values { try collector.add(value.name, json: value.value) }
            case ("rxInfo", let receptions): link = LoRaWANLink(receptions: receptions)
            case ("time", let value): time = try DeviceTime.timestamp(from: value)
            default: continue
            }
        }
        try link.add(to: &collector)
        if collector.isEmpty { throw .noMetrics(hasDropped: collector.hasDropped) }
        let device = try context.device(orNamed: Self.device(in: value["deviceInfo"]))
        return [
            DecodedReading(device: device, metrics: collector.metrics, deviceTime: time, ignored: collector.ignored)
        ]
    }

    /// Returns true if an event is an uplink: only uplinks list the gateways that received them.
    static func isUplink(_ value: JSONValue) -> Bool {
        guard case .object? = value["deviceInfo"], case .array? = value["rxInfo"] else { return false }
        return true
    }

    /// Returns true for `application/{id}/device/{devEUI}/event/{event}`.
    static func isEvent(topic levels: [Substring]) -> Bool {
        levels.count == 6 && ExactString(levels[0]) == "application" && ExactString(levels[2]) == "device"
            && ExactString(levels[4]) == "event"
    }

    private static func device(in info: JSONValue?) -> String? {
        if let name = info?["deviceName"]?.stringValue, DeviceID(name) != nil { return name }
        return info?["devEui"]?.stringValue
    }
}
