import Core
import Glibc
import Telemetry

// Compares the cost of messages on mapped routes with the same messages on plain routes. `Benchmarks/decode` runs it.

/// A payload, decoded by the convention alone and by a mapping.
private struct Case {
    var name: String
    var payload: String
    var mapping: PayloadMapping
    /// The payload of the plain route, if the convention cannot read the mapped one.
    var plainPayload: String?
}

private func path(_ text: String) -> PayloadPath {
    guard let path = try? PayloadPath(text) else { preconditionFailure("\(text) is not a path") }
    return path
}

private func paths(_ edit: (inout PayloadMapping.Paths) -> Void) -> PayloadMapping.Paths {
    var paths = PayloadMapping.Paths()
    edit(&paths)
    return paths
}

private let samples = (0..<10).map { #"{"id":"d\#($0)","t":171456480\#($0),"temp":21.\#($0),"hum":40}"# }

private let cases = [
    Case(
        name: "listed metrics of a flat object",
        payload: #"{"temperature":21.5,"humidity":40.2,"pressure":1013.25,"battery":3300,"seq":17}"#,
        mapping: PayloadMapping(
            metrics: ["temperature", "humidity", "pressure", "battery", "seq"].map { MappedMetric($0, at: path($0)) })),
    Case(
        name: "renamed, scaled, with units",
        payload: #"{"t":215,"h":40.2,"p":1013.25,"b":3300,"seq":17}"#,
        mapping: PayloadMapping(
            metrics: [
                MappedMetric("temperature", change: MetricChange(unit: "°C", scale: 0.1)),
                MappedMetric("battery", change: MetricChange(unit: "V", scale: 0.001)),
            ],
            renames: [
                MetricRename("t", to: "temperature"), MetricRename("h", to: "humidity"),
                MetricRename("b", to: "battery"),
            ], drops: ["seq"])),
    Case(
        name: "values of a nested object",
        payload: #"""
            {"end_device_ids":{"device_id":"d1"},"received_at":"2024-05-01T12:00:00Z","uplink_message":{"f_port":1,
            "decoded_payload":{"temperature":21.5,"humidity":40},"rx_metadata":[{"rssi":-97,"snr":7.5}]}}
            """#,
        mapping: PayloadMapping(
            paths: paths {
                $0.values = path("uplink_message.decoded_payload")
                $0.time = path("received_at")
            }, metrics: [MappedMetric("rssi", at: path("uplink_message.rx_metadata[0].rssi"))])),
    Case(
        name: "an array of ten samples", payload: "{\"list\":[\(samples.joined(separator: ","))]}",
        mapping: PayloadMapping(
            paths: paths {
                $0.each = path("list")
                $0.time = path("t")
            }, metrics: [MappedMetric("temp", at: path("temp")), MappedMetric("hum", at: path("hum"))]),
        plainPayload: "[\(samples.joined(separator: ",").replacing("\"t\":", with: "\"ts\":"))]"),
]

private func processorNanoseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// Returns the CPU time of decoding a message, in nanoseconds.
private func cost(of payload: String, mapping: PayloadMapping?) -> Double {
    let messages = 20_000
    let bytes = Array(payload.utf8)
    let now = Timestamp(nanosecondsSinceEpoch: 1_714_564_800_000_000_000)
    guard let route = try? TopicRoute(pattern: "sensors/{device}", convention: .json, mapping: mapping) else {
        preconditionFailure("the route is not valid")
    }
    var decoder = TelemetryDecoder(routes: [route])
    let start = processorNanoseconds()
    for _ in 0..<messages {
        do {
            _ = try decoder.decode(topic: "sensors/d1", payload: bytes, receivedAt: now)
        } catch {
            fatalError("\(payload) was not decoded: \(error)")
        }
    }
    return (processorNanoseconds() - start) / Double(messages)
}

for item in cases {
    // Alternating rounds, so that both meet the same machine. The median ratio ignores the odd slow round.
    let rounds = (0..<15).map { _ in
        let plain = cost(of: item.plainPayload ?? item.payload, mapping: nil)
        return (plain: plain, mapped: cost(of: item.payload, mapping: item.mapping))
    }
    let sorted = rounds.sorted { $0.mapped / $0.plain < $1.mapped / $1.plain }
    let median = sorted[sorted.count / 2]
    let ratio = (median.mapped / median.plain * 100).rounded() / 100
    print("\(item.name): plain \(Int(median.plain)) ns, mapped \(Int(median.mapped)) ns, ratio \(ratio)")
}
