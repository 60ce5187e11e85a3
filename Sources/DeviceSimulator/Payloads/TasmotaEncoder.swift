import Telemetry

/// Tasmota's `tele/{device}/SENSOR`.
///
///     {"Time":"2024-05-01T12:00:00","ENERGY":{"Today":0.31,"Power":23,"Voltage":229},"AM2301":{"Temperature":21.5},
///      "TempUnit":"C"}
///
/// What a meter measures stands in `ENERGY`, all else in a sensor `AM2301`. Quantities are named as Tasmota writes
/// them, so that `apparent_power` is `ApparentPower`. `Time` is UTC without fraction, as the firmware has it.
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

    /// The name in Tasmota's spelling: words capitalised and joined.
    static func quantity(of name: String) -> String {
        name.split(separator: "_", omittingEmptySubsequences: false)
            .map { $0.prefix(1).uppercased() + $0.dropFirst() }
            .joined()
    }

    /// Whether a metric of that name survives being written in Tasmota's spelling: words of two letters or more in
    /// lower case, joined with `_`.
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
