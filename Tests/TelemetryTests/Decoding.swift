import Core
import Telemetry

/// The receive time of tests: 2024-05-01T12:00:00Z.
let receivedAt = Timestamp(nanosecondsSinceEpoch: 1_714_564_800_000_000_000)

/// The context of a message to `sensors/d1`, with overrides for single tests.
func context(
    topic: String = "sensors/d1",
    device: String? = "d1",
    metric: String? = nil,
    convertsFahrenheit: Bool = false,
    allowsForeignDevices: Bool = false,
    limits: DecodingLimits = DecodingLimits()
) -> DecodingContext {
    DecodingContext(
        topic: topic, device: device.flatMap { DeviceID($0) }, metric: metric, receivedAt: receivedAt,
        convertsFahrenheit: convertsFahrenheit, allowsForeignDevices: allowsForeignDevices, limits: limits)
}

extension PayloadDecoder {
    func decode(_ payload: String, _ context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try decode(Array(payload.utf8), context: context)
    }
}

/// A decoded reading in a compact form for comparisons.
struct Plain: Equatable, CustomStringConvertible {
    var device: String
    /// `name=value` and the unit, in order.
    var metrics: [String]
    var time: String?

    init(_ device: String, _ metrics: [String], at time: String? = nil) {
        self.device = device
        self.metrics = metrics
        self.time = time
    }

    init(_ reading: DecodedReading) {
        self.init(
            reading.device.rawValue, reading.metrics.map(Self.text), at: reading.deviceTime?.rfc3339)
    }

    var description: String { "\(device) \(metrics) \(time ?? "-")" }

    static func text(of metric: Metric) -> String {
        var bytes: [UInt8] = []
        JSONWriter.append(metric.value, to: &bytes)
        return "\(metric.name)=\(String(decoding: bytes, as: UTF8.self))" + (metric.unit.map { " \($0)" } ?? "")
    }
}
