import Core
import Telemetry

/// An encoder for the `json` convention with all metrics in one object.
///
///     {"temperature":21.5,"humidity":40.2,"ts":1714564800000.25}
///     {"temperature":{"value":21.5,"unit":"°C"},"ts":1714564800000.25}      with units
///
/// `ts` is in milliseconds.
struct JSONObjectEncoder: PayloadEncoder {
    var withUnits: Bool

    func encode(_ sample: Sample) -> [EncodedPayload] {
        var bytes: [UInt8] = []
        bytes.append(UInt8(ascii: "{"))
        for (index, metric) in sample.metrics.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(metric.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            if withUnits, let unit = metric.unit {
                JSONWriter.append(raw: #"{"value":"#, to: &bytes)
                JSONWriter.append(metric.value, to: &bytes)
                JSONWriter.append(raw: #","unit":"#, to: &bytes)
                JSONWriter.append(unit, to: &bytes)
                bytes.append(UInt8(ascii: "}"))
            } else {
                JSONWriter.append(metric.value, to: &bytes)
            }
        }
        if let time = sample.time {
            JSONWriter.append(raw: #","ts":"#, to: &bytes)
            JSONWriter.append(time.millisecondsSinceEpoch, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return [EncodedPayload(metric: nil, bytes: bytes)]
    }
}

/// An encoder for the `json` convention with one topic per metric and an object as payload:
/// `{"value":21.5,"unit":"°C","ts":1714564800000.25}`.
struct JSONValueEncoder: PayloadEncoder {
    var withUnits: Bool

    func encode(_ sample: Sample) -> [EncodedPayload] {
        sample.metrics.map { metric in
            var bytes: [UInt8] = []
            JSONWriter.append(raw: #"{"value":"#, to: &bytes)
            JSONWriter.append(metric.value, to: &bytes)
            if withUnits, let unit = metric.unit {
                JSONWriter.append(raw: #","unit":"#, to: &bytes)
                JSONWriter.append(unit, to: &bytes)
            }
            if let time = sample.time {
                JSONWriter.append(raw: #","ts":"#, to: &bytes)
                JSONWriter.append(time.millisecondsSinceEpoch, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
            return EncodedPayload(metric: metric.name, bytes: bytes)
        }
    }
}

/// An encoder for a bare number on one topic per metric: `21.5` on `sensors/server-room-1/temperature`.
struct BareValueEncoder: PayloadEncoder {
    func encode(_ sample: Sample) -> [EncodedPayload] {
        sample.metrics.map { metric in
            var bytes: [UInt8] = []
            JSONWriter.append(metric.value, to: &bytes)
            return EncodedPayload(metric: metric.name, bytes: bytes)
        }
    }
}

/// An encoder for Sensor Measurement Lists (RFC 8428): one record per metric, with the device as base name.
///
///     [{"bn":"weather-mast/","bt":1714564800.25,"n":"temperature","u":"Cel","v":21.5},
///      {"n":"humidity","u":"%RH","v":40}]
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

    /// Returns the unit's name in the SenML units registry (section 12.1), where it differs from the usual one.
    private static func registeredUnit(_ unit: String, of metric: String) -> String {
        switch unit {
        case "°C": "Cel"
        case "%" where metric.contains("humidity"): "%RH"
        case "%" where metric.contains("battery"): "%EL"
        default: unit
        }
    }

    /// Returns true when a metric or device name may be part of a SenML name (section 4.5.1). Excludes `:` and `/`,
    /// which separate the device from the metric.
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
