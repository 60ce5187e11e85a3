import Telemetry

/// One JSON object of all metrics.
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
