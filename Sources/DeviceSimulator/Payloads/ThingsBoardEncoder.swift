import Telemetry

/// ThingsBoard's device API: `{"ts":1451649600512,"values":{"temperature":22.5}}`, or the values alone without a time.
///
/// The API has whole milliseconds; what is finer is cut off.
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
