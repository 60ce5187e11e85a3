import Core

/// A decoder of uplinks from The Things Stack v3, which runs The Things Network:
/// `v3/{application}@{tenant}/devices/{device}/up`.
///
///     {"end_device_ids":{"device_id":"dev1",…},"received_at":"2020-02-12T15:15:45.787Z",
///      "uplink_message":{"decoded_payload":{"temperature":1.0},"rx_metadata":[{"rssi":-35,"snr":5.2,…}],…}}
///
/// The metrics are those of `decoded_payload`, which the application's payload formatter creates and which has no units,
/// and the ``LoRaWANLink``. The time is `received_at` of the network server, else that of the application server. If the
/// topic names no device, `device_id` does. Other messages of a device, such as `join_accept`, carry no reading.
///
/// Source: "Data Formats" in the documentation of The Things Stack.
package struct TheThingsStackDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .ttn }

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard case .object(let uplink)? = value["uplink_message"] else {
            if value["end_device_ids"] != nil { throw .notAReading(topic: context.topic) }
            throw .wrongType(what: "the payload", expected: "an object with 'uplink_message'", found: value.kind)
        }
        var collector = MetricCollector(context: context, expecting: uplink.count)
        var link = LoRaWANLink(receptions: nil)
        var receivedAt = value["received_at"]
        for member in uplink {
            switch (ExactString(member.name), member.value) {
            case ("decoded_payload", .object(let values)):
                for value in values { try collector.add(value.name, json: value.value) }
            case ("rx_metadata", let receptions): link = LoRaWANLink(receptions: receptions)
            case ("received_at", let time): receivedAt = time
            default: continue
            }
        }
        try link.add(to: &collector)
        if collector.isEmpty { throw .noMetrics(hasDropped: collector.hasDropped) }
        let device = try context.device(orNamed: value["end_device_ids"]?["device_id"]?.stringValue)
        var time: Timestamp?
        if let receivedAt { time = try DeviceTime.timestamp(from: receivedAt) }
        return [
            DecodedReading(device: device, metrics: collector.metrics, deviceTime: time, ignored: collector.ignored)
        ]
    }

    /// Returns true if an object is an uplink.
    static func isUplink(_ value: JSONValue) -> Bool {
        guard case .object? = value["uplink_message"], case .object? = value["end_device_ids"] else { return false }
        return true
    }

    /// Returns true for `v3/{application}/devices/{device}/up`.
    static func isUplink(topic levels: [Substring]) -> Bool {
        levels.count == 5 && ExactString(levels[0]) == "v3" && ExactString(levels[2]) == "devices"
            && ExactString(levels[4]) == "up"
    }
}

/// The radio link of a LoRaWAN uplink: signal strength and signal-to-noise ratio at the gateway that received the frame
/// with the strongest signal.
///
/// Network servers list every gateway that received a frame, each with the members `rssi` and `snr`.
struct LoRaWANLink {
    /// In dBm; `nil` if no gateway reported it.
    private(set) var rssi: Double?
    /// In dB; `nil` if the gateway did not report it.
    private(set) var snr: Double?

    /// Chooses the strongest reception of an array of receptions. Anything else gives an empty link.
    init(receptions: JSONValue?) {
        for reception in receptions?.arrayValue ?? [] {
            guard let rssi = reception["rssi"]?.numberValue else { continue }
            if let strongest = self.rssi, rssi <= strongest { continue }
            self.rssi = rssi
            snr = reception["snr"]?.numberValue
        }
    }

    /// Adds the metrics `link.rssi` and `link.snr`.
    func add(to collector: inout MetricCollector) throws(DecodeError) {
        if let rssi { try collector.add("link.rssi", rssi, unit: "dBm") }
        if let snr { try collector.add("link.snr", snr, unit: "dB") }
    }
}
