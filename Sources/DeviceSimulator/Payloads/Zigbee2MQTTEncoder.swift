import Telemetry

/// A device state of Zigbee2MQTT: a flat object, with `last_seen` in ISO 8601 when the device stamps.
struct Zigbee2MQTTEncoder: PayloadEncoder {
    func encode(_ sample: Sample) -> [EncodedPayload] {
        var members = sample.metrics.map { JSONMember(name: $0.name, value: .number($0.value)) }
        if let time = sample.time { members.append(JSONMember(name: "last_seen", value: .string(time.rfc3339))) }
        var bytes: [UInt8] = []
        JSONValue.object(members).append(to: &bytes)
        return [EncodedPayload(metric: nil, bytes: bytes)]
    }
}
