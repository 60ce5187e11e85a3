import Core
import Telemetry
import Testing

@testable import DeviceSimulator

@Suite("Encoded payloads decode to the same values")
struct PayloadEncoderTests {
    static let time = Timestamp(nanosecondsSinceEpoch: 1_714_564_800_123_000_000)
    static let sample = Sample(
        device: "probe-1",
        metrics: [
            Metric(name: "temperature", value: -21.53, unit: "°C"), Metric(name: "humidity", value: 40, unit: "%"),
            Metric(name: "apparent_power", value: 1e-7, unit: "VA"), Metric(name: "co2", value: 123_456_789.25),
        ], time: time)

    /// Decodes all messages of the sample with the gateway's standard routes.
    private func decode(
        _ format: PayloadFormat, topic: String, withUnits: Bool = false, sample: Sample = Self.sample,
        routes: [TopicRoute] = TopicRoute.defaults
    ) throws -> [Reading] {
        let template = try TopicTemplate(topic)
        var decoder = TelemetryDecoder(routes: routes)
        return try format.encoder(isPerMetric: template.namesMetric, withUnits: withUnits).encode(sample)
            .flatMap { payload in
                try decoder.decode(
                    topic: template.topic(device: sample.device, metric: payload.metric), payload: payload.bytes,
                    receivedAt: Self.time.advanced(by: .seconds(5)))
            }
    }

    @Test(
        "Values, device and room survive a round trip",
        arguments: [
            (.json, "sensors/{device}"), (.json, "sensors/{device}/{metric}"), (.bare, "sensors/{device}/{metric}"),
            (.thingsboard, "devices/{device}/telemetry"), (.tasmota, "tele/{device}/SENSOR"),
            (.zigbee2mqtt, "zigbee2mqtt/{device}"), (.senml, "devices/{device}/telemetry"),
            (.senml, "sensors/{device}"),
        ] as [(PayloadFormat, String)])
    func roundTrip(format: PayloadFormat, topic: String) throws {
        let readings = try decode(format, topic: topic)
        let values = Dictionary(uniqueKeysWithValues: readings.flatMap(\.metrics).map { ($0.name, $0.value) })
        #expect(values == Dictionary(uniqueKeysWithValues: Self.sample.metrics.map { ($0.name, $0.value) }))
        #expect(Set(readings.map(\.device.rawValue)) == ["probe-1"])
        #expect(Set(readings.map(\.room)) == ["sensors/probe-1"])
    }

    @Test("ESPHome has one topic per value")
    func esphome() throws {
        let route = try TopicRoute(pattern: "{device}/sensor/{metric}/state", convention: .esphome)
        let readings = try decode(.esphome, topic: "{device}/sensor/{metric}/state", routes: [route])
        #expect(readings.flatMap(\.metrics).map(\.value) == Self.sample.metrics.map(\.value))
        #expect(readings.flatMap(\.metrics).map(\.name) == Self.sample.metrics.map(\.name))
    }

    @Test(
        "The time has the resolution of the convention",
        arguments: [
            (.json, "sensors/{device}", 123), (.json, "sensors/{device}/{metric}", 123),
            (.thingsboard, "devices/{device}/telemetry", 123), (.zigbee2mqtt, "zigbee2mqtt/{device}", 123),
            (.senml, "devices/{device}/telemetry", 123), (.tasmota, "tele/{device}/SENSOR", 0),
        ] as [(PayloadFormat, String, Int64)])
    func time(format: PayloadFormat, topic: String, milliseconds: Int64) throws {
        let expected = Timestamp(nanosecondsSinceEpoch: 1_714_564_800_000_000_000 + milliseconds * 1_000_000)
        for reading in try decode(format, topic: topic) {
            #expect(reading.hasDeviceTime)
            #expect(reading.time == expected)
        }
        var unstamped = Self.sample
        unstamped.time = nil
        for reading in try decode(format, topic: topic, sample: unstamped) { #expect(!reading.hasDeviceTime) }
    }

    @Test("Units are sent if the convention has them or the file requests them")
    func units() throws {
        func unit(_ format: PayloadFormat, _ topic: String, withUnits: Bool = false) throws -> String? {
            try decode(format, topic: topic, withUnits: withUnits).flatMap(\.metrics)
                .first { $0.name == "temperature" }?.unit
        }
        #expect(try unit(.json, "sensors/{device}") == nil)
        #expect(try unit(.json, "sensors/{device}", withUnits: true) == "°C")
        #expect(try unit(.json, "sensors/{device}/{metric}", withUnits: true) == "°C")
        #expect(try unit(.senml, "sensors/{device}") == "°C")
        #expect(try unit(.tasmota, "tele/{device}/SENSOR") == "°C")
        #expect(try unit(.zigbee2mqtt, "zigbee2mqtt/{device}") == "°C")
    }

    @Test(
        "Metric names that Tasmota's naming preserves are accepted",
        arguments: ["temperature", "apparent_power", "co2", "dew_point", "pm25", "uv_index_max"])
    func tasmotaNames(name: String) throws {
        #expect(TasmotaEncoder.canWrite(name))
        let sample = Sample(device: "probe-1", metrics: [Metric(name: name, value: 7)])
        #expect(try decode(.tasmota, topic: "tele/{device}/SENSOR", sample: sample)[0].metrics.map(\.name) == [name])
    }

    @Test(
        "Metric names that Tasmota's naming would change are rejected",
        arguments: ["fan_rpm_2", "Temp", "a_b", "x.y", "", "a__b"])
    func tasmotaLoses(name: String) {
        #expect(!TasmotaEncoder.canWrite(name))
    }
}
