import Telemetry

/// A topic for each metric and an object in it: `{"value":21.5,"unit":"°C","ts":1714564800000.25}`.
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
