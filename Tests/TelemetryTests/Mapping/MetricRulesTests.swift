import Core
import Testing

@testable import Telemetry

@Suite("A route renames, drops and changes the metrics of any convention")
struct MetricRulesTests {
    private static let rules = MetricRules(
        changes: [
            MappedMetric("temperature", change: MetricChange(unit: "°C", scale: 0.1)),
            MappedMetric("power", change: MetricChange(unit: "kW", scale: 0.001)),
            MappedMetric("open", change: MetricChange(scale: -1, offset: 1)),
        ],
        renames: [MetricRename("t", to: "temperature"), MetricRename("contact", to: "open")],
        drops: ["debug", "linkquality"], states: MetricStates([.init("eco", 1), .init("boost", 2)]))

    private func decode(
        _ convention: PayloadConvention, _ payload: String, metric: String? = nil
    ) throws -> [DecodedReading] {
        var context = context(metric: metric)
        context.rules = Self.rules
        return try convention.decoder.decode(payload, context)
    }

    @Test(
        "Rules apply to every convention",
        arguments: [
            (
                .json, #"{"t":215,"debug":{"heap":1},"mode":"boost","ts":1714564000}"#,
                ["temperature=21.5 °C", "mode=2"]
            ),
            (.json, #"{"value":"eco","unit":"x"}"#, ["value=1"]),
            (.json, #"[{"t":1},{"debug":2}]"#, ["temperature=0.1 °C"]),
            (.zigbee2mqtt, #"{"contact":true,"linkquality":80,"system_mode":"eco"}"#, ["open=0", "system_mode=1"]),
            (
                .tasmota, #"{"Time":"2024-05-01T12:00:00","ENERGY":{"Power":1500},"Mode":"eco"}"#,
                ["power=1.5 kW", "Mode=1"]
            ),
            (.thingsboard, #"{"t":10,"debug":1}"#, ["temperature=1 °C"]),
            (.senml, #"[{"n":"t","v":10,"u":"K"},{"n":"debug","v":1}]"#, ["temperature=1 °C"]),
            (.esphome, #"{"state":"ON","effect":"eco"}"#, ["state=1", "effect=1"]), (.bare, "eco", ["value=1"]),
            (.auto, "boost", ["value=2"]),
            (.influx, #"m mode="boost",a=1"#, ["m.mode=2", "m.a=1"]), (.influx, "t value=10", ["temperature=1 °C"]),
            (.owntracks, #"{"_type":"location","lat":1,"conn":"eco"}"#, ["lat=1 °", "conn=1"]),
            (.senml, #"[{"n":"mode","vs":"eco"},{"n":"t","v":10}]"#, ["mode=1", "temperature=1 °C"]),
            (
                .shelly, #"{"src":"s","method":"NotifyStatus","params":{"switch:0":{"apower":1,"source":"eco"}}}"#,
                ["switch:0.apower=1 W", "switch:0.source=1"]
            ),
            (
                .ttn, #"{"end_device_ids":{},"uplink_message":{"decoded_payload":{"t":10,"mode":"eco","debug":1}}}"#,
                ["temperature=1 °C", "mode=1"]
            ),
            (
                .chirpstack, #"{"deviceInfo":{},"object":{"t":10,"mode":"boost","debug":1},"rxInfo":[]}"#,
                ["temperature=1 °C", "mode=2"]
            ),
        ] as [(PayloadConvention, String, [String])])
    func conventions(convention: PayloadConvention, payload: String, metrics: [String]) throws {
        #expect(try decode(convention, payload).map { Plain($0).metrics } == [metrics])
    }

    @Test(
        "A message whose metrics are all dropped is marked, so that it is no failure",
        arguments: [
            (.json, #"{"debug":1}"#), (.json, #"{"debug":{"a":1}}"#), (.json, #"[{"debug":1}]"#),
            (.zigbee2mqtt, #"{"linkquality":1}"#), (.thingsboard, #"{"debug":1}"#), (.senml, #"[{"n":"debug","v":1}]"#),
            (.tasmota, #"{"Time":"2024-05-01T12:00:00","A":{"Debug":1}}"#),
            (.tasmota, #"{"Time":"2024-05-01T12:00:00","A":{"Debug":"x"}}"#), (.influx, #"debug value="x""#),
            (.influx, "debug value=1"), (.senml, #"[{"n":"debug","vs":"x"}]"#),
        ] as [(PayloadConvention, String)])
    func dropped(convention: PayloadConvention, payload: String) {
        #expect(throws: DecodeError.dropped) { try decode(convention, payload) }
    }

    @Test("A dropped metric of a topic with one value is marked too")
    func droppedTopic() {
        #expect(throws: DecodeError.dropped) { try decode(.bare, "1", metric: "debug") }
    }

    @Test(
        "The states of a single metric apply to the name that a Tasmota metric has",
        arguments: [
            (#"{"HEAT":{"Mode":"eco","Target":21}}"#, ["mode=1", "target=21"]),
            (#"{"A":{"Mode":"eco"},"B":{"Mode":"eco"},"C":{"T":1}}"#, ["A.Mode=2", "t=1"]),
            // A text does not change the name of a number.
            (#"{"A":{"Mode":"eco"},"B":{"Mode":5}}"#, ["A.Mode=2", "mode=5"]),
            (#"{"A":{"Mode":"other"},"B":{"Mode":5}}"#, ["mode=5"]),
        ])
    func tasmotaStates(payload: String, metrics: [String]) throws {
        var context = context()
        context.rules = MetricRules(
            changes: [
                MappedMetric("mode", change: MetricChange(states: MetricStates([.init("eco", 1)]))),
                MappedMetric("A.Mode", change: MetricChange(states: MetricStates([.init("eco", 2)]))),
            ], renames: [], drops: [], states: nil)
        #expect(try TasmotaDecoder().decode(payload, context).map(Plain.init) == [Plain("d1", metrics)])
    }

    @Test("The texts of a Tasmota message are bounded; a state is never lost unnoticed")
    func tasmotaTexts() throws {
        let payload = #"{"A":{"T":1},"# + (0...256).map { #""s\#($0)":"eco""# }.joined(separator: ",") + "}"
        #expect(try TasmotaDecoder().decode(payload, context()).map(Plain.init) == [Plain("d1", ["t=1"])])
        #expect(throws: DecodeError.tooManyMetrics(limit: 256)) { try decode(.tasmota, payload) }
    }

    @Test(
        "The states of a route come before those of Shelly's topics",
        arguments: [
            ("roller/0", "stop", "roller.0=0.5"), ("sensor/state", "open", "state=7"),
            ("sensor/state", "close", "state=0"), ("relay/0", "on", "relay.0=1"),
        ])
    func shellyTopics(topic: String, payload: String, metric: String) throws {
        var context = context(topic: "shellies/s1/\(topic)")
        context.rules = MetricRules(
            changes: [], renames: [], drops: [], states: MetricStates([.init("stop", 0.5), .init("open", 7)]))
        #expect(try ShellyDecoder().decode(payload, context).map(Plain.init) == [Plain("d1", [metric])])
    }

    @Test("A state in line protocol may contain quotation marks and backslashes")
    func influxEscapes() throws {
        var context = context()
        context.rules = MetricRules(
            changes: [], renames: [], drops: [], states: MetricStates([.init(#"a "b" \ c\d"#, 3)]))
        let line = #"m s="a \"b\" \\ c\d""#
        #expect(try InfluxDecoder().decode(line, context).map(Plain.init) == [Plain("d1", ["m.s=3"])])
    }

    @Test("More rules than are searched one by one give the same result")
    func many() throws {
        let renames = (0..<40).map { MetricRename("a\($0)", to: "b\($0)") }
        var context = context()
        context.rules = MetricRules(changes: [], renames: renames, drops: [], states: nil)
        let payload = "{" + (0..<42).map { #""a\#($0)":1"# }.joined(separator: ",") + "}"
        let names = try JSONObjectDecoder().decode(payload, context)[0].metrics.map(\.name)
        #expect(names == (0..<40).map { "b\($0)" } + ["a40", "a41"])
    }

    @Test(
        "Scaled values have no rounding noise",
        arguments: [
            (3300, 0.001, 0, 3.3), (215, 0.1, 0, 21.5), (1, 0.1, 0.2, 0.3), (-7, 0.1, 0, -0.7), (0, 5, 0, 0),
            (123_456_789, 1e-9, 0, 0.123456789), (1e300, 10, 0, 1e301), (4, 1e-7, 0, 4e-7),
        ])
    func rounding(value: Double, scale: Double, offset: Double, result: Double) {
        #expect(MetricChange(scale: scale, offset: offset).apply(to: value) == result)
    }
}
