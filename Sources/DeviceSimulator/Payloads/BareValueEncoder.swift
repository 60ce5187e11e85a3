import Telemetry

/// A topic for each metric and a number in it: `sensors/server-room-1/temperature` with `21.5`.
struct BareValueEncoder: PayloadEncoder {
    func encode(_ sample: Sample) -> [EncodedPayload] {
        sample.metrics.map { metric in
            var bytes: [UInt8] = []
            JSONWriter.append(metric.value, to: &bytes)
            return EncodedPayload(metric: metric.name, bytes: bytes)
        }
    }
}
