import Core
import Testing

@testable import Telemetry

@Suite("A route's paths find devices, metrics, values and times in any JSON")
struct MappedDecoderTests {
    private static func path(_ text: String) throws -> PayloadPath { try PayloadPath(text) }

    private func decode(
        _ payload: String, paths edit: (inout PayloadMapping.Paths) throws -> Void = { _ in },
        metrics: [MappedMetric] = [], states: MetricStates? = nil, device: String? = "d1", metric: String? = nil,
        foreign: Bool = false, limits: DecodingLimits = DecodingLimits()
    ) throws -> [DecodedReading] {
        var paths = PayloadMapping.Paths()
        try edit(&paths)
        let mapping = PayloadMapping(paths: paths, metrics: metrics, states: states)
        var context = context(device: device, metric: metric, allowsForeignDevices: foreign, limits: limits)
        context.rules = mapping.rules
        return try #require(mapping.decoder).decode(payload, context)
    }

    @Test("Listed metrics are read at their paths, with scale, offset and unit; nothing else is")
    func listed() throws {
        let metrics = [
            MappedMetric("temperature", at: try Self.path("d.t[0]"), change: MetricChange(unit: "°C", scale: 0.1)),
            MappedMetric("battery", at: try Self.path("mv"), change: MetricChange(unit: "V", scale: 0.001)),
            MappedMetric("level", at: try Self.path("raw"), change: MetricChange(scale: 2, offset: -40)),
            MappedMetric("missing", at: try Self.path("d.t[9]")), MappedMetric("text", at: try Self.path("s")),
            MappedMetric("on", at: try Self.path("sw")), MappedMetric("gas", at: try Self.path("g")),
        ]
        let payload =
            #"{"d":{"t":[215,1]},"mv":3300,"raw":60.5,"other":9,"s":"12.5","sw":"ON","g":{"a":1,"b":{"c":true}}}"#
        let readings = try decode(payload, metrics: metrics)
        #expect(
            readings.map(Plain.init) == [
                Plain(
                    "d1",
                    [
                        "temperature=21.5 °C", "battery=3.3 V", "level=81", "text=12.5", "on=1", "gas.a=1", "gas.b.c=1",
                    ])
            ])
        #expect(readings[0].ignored.isEmpty)
    }

    @Test("Each sample of an array is a reading with its own device, time, metric and unit")
    func samples() throws {
        let payload = """
            {"site":"x","at":1714564000,"list":[{"id":7,"n":"co2","v":600,"u":"ppm","ts":"2024-05-01T11:00:00Z"},
            {"id":"b","n":"t","v":"21.5","u":"°C"},{"id":"c","n":"t","v":null},{"id":"d","n":"t","v":"warm"}]}
            """
        let readings = try decode(
            payload,
            paths: {
                $0.each = try Self.path("list")
                $0.device = try Self.path("id")
                $0.metric = try Self.path("n")
                $0.value = try Self.path("v")
                $0.unit = try Self.path("u")
                $0.time = try Self.path("ts")
            }, device: nil)
        #expect(
            readings.map(Plain.init) == [
                Plain("7", ["co2=600 ppm"], at: "2024-05-01T11:00:00.000Z"), Plain("b", ["t=21.5 °C"]),
            ])
        let shared = try decode(
            #"{"at":1714564000,"list":[1,2]}"#,
            paths: {
                $0.each = try Self.path("list")
                $0.time = try Self.path("$.at")
            }, metric: "level")
        #expect(shared.map { Plain($0).metrics } == [["level=1"], ["level=2"]])
        #expect(shared.allSatisfy { $0.deviceTime == Timestamp(secondsSinceEpoch: 1_714_564_000) })
    }

    @Test("All numbers of an object are read, with the time and the device elsewhere")
    func values() throws {
        let payload =
            #"{"end":{"dev":"lora-1"},"up":{"data":{"t":21.5,"x":{"y":1},"s":"n/a"},"rx":[{"rssi":-97}]},"at":1714564000}"#
        let readings = try decode(
            payload,
            paths: {
                $0.values = try Self.path("up.data")
                $0.device = try Self.path("end.dev")
                $0.time = try Self.path("at")
            }, metrics: [MappedMetric("rssi", at: try Self.path("up.rx[0].rssi"), change: MetricChange(unit: "dBm"))],
            device: nil)
        #expect(
            readings.map(Plain.init) == [
                Plain("lora-1", ["t=21.5", "x.y=1", "rssi=-97 dBm"], at: "2024-05-01T11:46:40.000Z")
            ])
        #expect(readings[0].ignored == [IgnoredField("s", .string)])
    }

    @Test("States give numbers to texts; an unknown state is reported as ignored")
    func states() throws {
        let states = MetricStates([.init("open", 1), .init("closed", 0)])
        let own = MetricChange(states: MetricStates([.init("idle", 0), .init("busy", 2)]))
        let metrics = [
            MappedMetric("door", at: try Self.path("d")), MappedMetric("pump", at: try Self.path("p"), change: own),
        ]
        let readings = try decode(#"{"d":"open","p":"busy"}"#, metrics: metrics, states: states)
        #expect(readings.map(Plain.init) == [Plain("d1", ["door=1", "pump=2"])])
        let partly = try decode(#"{"d":"ajar","p":"idle"}"#, metrics: metrics, states: states)
        #expect(partly.map(Plain.init) == [Plain("d1", ["pump=0"])])
        #expect(partly[0].ignored == [IgnoredField("door", .string)])
    }

    @Test("A payload without any value names the paths that were looked at")
    func nothing() throws {
        let error = try #require(throws: DecodeError.self) {
            try decode(#"{"a":1}"#, metrics: [MappedMetric("t", at: try Self.path("data.temp"))])
        }
        #expect(error.reason == "no_mapped_value")
        #expect(error.description.contains("'data.temp'"))
        #expect(throws: DecodeError.self) {
            try decode(#"{"a":{}}"#, paths: { $0.each = try Self.path("a") })
        }
        #expect(throws: DecodeError.badTime("a boolean")) {
            try decode(#"{"t":true,"a":1}"#, paths: { $0.time = try Self.path("t") })
        }
    }

    @Test("A payload names another device only on routes that allow it")
    func devices() throws {
        let edit: (inout PayloadMapping.Paths) throws -> Void = { $0.device = try Self.path("id") }
        #expect(throws: DecodeError.foreignDevice("d2", topicDevice: "d1")) {
            try decode(#"{"id":"d2","a":1}"#, paths: edit)
        }
        #expect(try decode(#"{"id":"d2","a":1}"#, paths: edit, foreign: true)[0].device.rawValue == "d2")
        #expect(try decode(#"{"a":1}"#, paths: edit)[0].device.rawValue == "d1")
        #expect(throws: DecodeError.badDevice(nil)) { try decode(#"{"a":1}"#, paths: edit, device: nil) }
        #expect(throws: DecodeError.badDevice("a/b")) { try decode(#"{"id":"a/b","a":1}"#, paths: edit, device: nil) }
    }

    @Test("The number of samples is limited, and an object at the root is not decoded again for every sample")
    func limits() throws {
        let payload = #"{"big":{"a":1,"b":2},"site":3,"list":[1,2,3]}"#
        #expect(throws: DecodeError.tooManyReadings(limit: 2)) {
            try decode(
                payload, paths: { $0.each = try Self.path("list") }, limits: DecodingLimits(maxReadingsPerPayload: 2))
        }
        let readings = try decode(
            payload, paths: { $0.each = try Self.path("list") },
            metrics: [
                MappedMetric("big", at: try Self.path("$.big")), MappedMetric("site", at: try Self.path("$.site")),
            ])
        #expect(readings.map { Plain($0).metrics } == [["site=3"], ["site=3"], ["site=3"]])
    }
}
