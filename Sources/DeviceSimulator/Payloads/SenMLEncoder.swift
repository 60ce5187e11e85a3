import Telemetry

/// Sensor Measurement Lists (RFC 8428): a record for each metric, the device as base name.
///
///     [{"bn":"weather-mast/","bt":1714564800.25,"n":"temperature","u":"Cel","v":21.5},{"n":"humidity","u":"%RH","v":40}]
struct SenMLEncoder: PayloadEncoder {
    func encode(_ sample: Sample) -> [EncodedPayload] {
        var records: [JSONValue] = []
        for metric in sample.metrics {
            var fields: [JSONMember] = []
            if records.isEmpty {
                fields.append(JSONMember(name: "bn", value: .string(sample.device + "/")))
                if let time = sample.time {
                    fields.append(JSONMember(name: "bt", value: .number(time.secondsSinceEpoch)))
                }
            }
            fields.append(JSONMember(name: "n", value: .string(metric.name)))
            if let unit = metric.unit {
                fields.append(JSONMember(name: "u", value: .string(Self.registeredUnit(unit, of: metric.name))))
            }
            fields.append(JSONMember(name: "v", value: .number(metric.value)))
            records.append(.object(fields))
        }
        var bytes: [UInt8] = []
        JSONValue.array(records).append(to: &bytes)
        return [EncodedPayload(metric: nil, bytes: bytes)]
    }

    /// The unit's name in the SenML units registry (section 12.1) where that differs from the usual one.
    private static func registeredUnit(_ unit: String, of metric: String) -> String {
        switch unit {
        case "°C": "Cel"
        case "%" where metric.contains("humidity"): "%RH"
        case "%" where metric.contains("battery"): "%EL"
        default: unit
        }
    }

    /// Whether a metric or device of that name can stand in a SenML name (section 4.5.1), with the separators left out
    /// that part device and metric.
    static func canWrite(_ name: String) -> Bool {
        name.utf8.enumerated().allSatisfy { index, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): index > 0
            default: false
            }
        }
    }
}
