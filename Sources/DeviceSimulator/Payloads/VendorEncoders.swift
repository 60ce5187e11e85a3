import Core
import Telemetry

/// An encoder for Tasmota's `tele/{device}/SENSOR` message.
///
///     {"Time":"2024-05-01T12:00:00","ENERGY":{"Today":0.31,"Power":23,"Voltage":229},"AM2301":{"Temperature":21.5},
///      "TempUnit":"C"}
///
/// Energy meter quantities go into `ENERGY`, all others into a sensor `AM2301`. Quantities have Tasmota's spelling:
/// `apparent_power` becomes `ApparentPower`. Like the firmware's, `Time` is UTC without a fraction.
struct TasmotaEncoder: PayloadEncoder {
    private static let meterQuantities: Set<String> = [
        "total", "yesterday", "today", "period", "power", "apparent_power", "reactive_power", "factor", "voltage",
        "current", "frequency",
    ]

    func encode(_ sample: Sample) -> [EncodedPayload] {
        let meter = sample.metrics.filter { Self.meterQuantities.contains($0.name) }
        let sensor = sample.metrics.filter { !Self.meterQuantities.contains($0.name) }
        var members: [JSONMember] = []
        if let time = sample.time {
            members.append(JSONMember(name: "Time", value: .string(String(time.rfc3339.prefix(19)))))
        }
        if !meter.isEmpty { members.append(JSONMember(name: "ENERGY", value: Self.object(meter))) }
        if !sensor.isEmpty {
            members.append(JSONMember(name: "AM2301", value: Self.object(sensor)))
            let isFahrenheit = sensor.contains { $0.name == "temperature" && $0.unit == "°F" }
            members.append(JSONMember(name: "TempUnit", value: .string(isFahrenheit ? "F" : "C")))
        }
        var bytes: [UInt8] = []
        JSONValue.object(members).append(to: &bytes)
        return [EncodedPayload(metric: nil, bytes: bytes)]
    }

    private static func object(_ metrics: [Metric]) -> JSONValue {
        .object(metrics.map { JSONMember(name: quantity(of: $0.name), value: .number($0.value)) })
    }

    /// Returns a metric's name in Tasmota's spelling: capitalised words, joined.
    static func quantity(of name: String) -> String {
        name.split(separator: "_", omittingEmptySubsequences: false)
            .map { $0.prefix(1).uppercased() + $0.dropFirst() }
            .joined()
    }

    /// Returns true when a metric's name can be recovered from Tasmota's spelling: words of at least two lower-case
    /// letters or digits, joined with `_`. With more than one word, each begins with two letters.
    static func canWrite(_ name: String) -> Bool {
        let words = name.split(separator: "_", omittingEmptySubsequences: false)
        return words.allSatisfy { word in
            let bytes = Array(word.utf8)
            return bytes.count >= 2 && bytes.allSatisfy { isLetterOrDigit($0) }
                && (words.count == 1 || isLetter(bytes[0]))
                && (words.count == 1 || isLetter(bytes[1]))
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// An encoder for ThingsBoard's device API: `{"ts":1451649600512,"values":{"temperature":22.5}}`, or only the values
/// when there is no timestamp.
///
/// The API takes whole milliseconds, so fractions are cut off.
struct ThingsBoardEncoder: PayloadEncoder {
    func encode(_ sample: Sample) -> [EncodedPayload] {
        var values: [UInt8] = []
        values.append(UInt8(ascii: "{"))
        for (index, metric) in sample.metrics.enumerated() {
            if index > 0 { values.append(UInt8(ascii: ",")) }
            JSONWriter.append(metric.name, to: &values)
            values.append(UInt8(ascii: ":"))
            JSONWriter.append(metric.value, to: &values)
        }
        values.append(UInt8(ascii: "}"))
        guard let time = sample.time else { return [EncodedPayload(metric: nil, bytes: values)] }
        var bytes: [UInt8] = []
        JSONWriter.append(raw: #"{"ts":"#, to: &bytes)
        JSONWriter.append(time.millisecondsSinceEpoch.rounded(.down), to: &bytes)
        JSONWriter.append(raw: #","values":"#, to: &bytes)
        bytes += values
        bytes.append(UInt8(ascii: "}"))
        return [EncodedPayload(metric: nil, bytes: bytes)]
    }
}

/// An encoder for Zigbee2MQTT's device state: a flat object, with `last_seen` in ISO 8601 if there is a timestamp.
struct Zigbee2MQTTEncoder: PayloadEncoder {
    func encode(_ sample: Sample) -> [EncodedPayload] {
        var members = sample.metrics.map { JSONMember(name: $0.name, value: .number($0.value)) }
        if let time = sample.time { members.append(JSONMember(name: "last_seen", value: .string(time.rfc3339))) }
        var bytes: [UInt8] = []
        JSONValue.object(members).append(to: &bytes)
        return [EncodedPayload(metric: nil, bytes: bytes)]
    }
}
