import Core
import Testing

@testable import Telemetry

@Suite("Texts and arrays that become no metric are reported")
struct IgnoredFieldTests {
    @Test(
        "Each convention reports the fields that it ignores",
        arguments: [
            (
                .json, #"{"t":1,"mode":"auto","list":[1],"x":{"fw":"1.2"},"n":null}"#,
                ["mode string", "list array", "x.fw string"]
            ),
            (
                .json, #"{"value":1,"unit":"V","name":"u","note":"x","ts":"2024-05-01T12:00:00Z","device":"d"}"#,
                ["note string"]
            ),
            (.zigbee2mqtt, #"{"contact":true,"action":"single","state":"ON"}"#, ["action string"]),
            (
                .tasmota, #"{"Time":"2024-05-01T12:00:00","DS":{"Id":"01","Temperature":1},"E":{"P":["a"]},"V":"x"}"#,
                ["id string", "p array", "V string"]
            ),
            (.thingsboard, #"{"t":1,"fw":"x"}"#, ["fw string"]),
            (
                .senml, #"[{"n":"t","v":1},{"n":"label","vs":"x"},{"n":"nfc","vd":"aA"}]"#,
                ["label string", "nfc string"]
            ),
            (.influx, #"m a="x",b=1"#, ["m.a string"]),
            (
                .owntracks, #"{"_type":"location","lat":1,"conn":"w","inregions":["home"]}"#,
                ["conn string", "inregions array"]
            ),
            (
                .shelly,
                #"{"src":"s","method":"NotifyStatus","params":{"switch:0":{"output":true,"source":"UI","errors":["x"]}}}"#,
                ["switch:0.source string", "switch:0.errors array"]
            ),
            (.esphome, #"{"state":"ON","effect":"rainbow"}"#, ["effect string"]), (.json, #"{"t":1}"#, []),
        ] as [(PayloadConvention, String, [String])])
    func conventions(convention: PayloadConvention, payload: String, expected: [String]) throws {
        let readings = try convention.decoder.decode(payload, context())
        #expect(readings.flatMap(\.ignored).map { "\($0.name) \($0.kind.rawValue)" } == expected)
    }

    @Test("A pack of several devices reports each text for its own device, whatever the text's time")
    func devices() throws {
        let payload = #"""
            [{"bn":"a/","n":"t","v":1},{"bn":"b/","n":"t","v":2},{"n":"label","vs":"x"},{"n":"note","vs":"y","t":-60},
            {"bn":"c/","n":"label","vs":"z"}]
            """#
        let readings = try SenMLDecoder().decode(payload, context(device: nil))
        #expect(readings.map(\.device.rawValue) == ["a", "b"])
        #expect(readings.map { $0.ignored.map(\.name) } == [[], ["label", "note"]])
    }

    @Test("At most sixteen fields of a message are reported, with names of at most 64 bytes")
    func bounds() throws {
        let long = String(repeating: "é", count: 40)
        let sample = #"{"t":1,"\#(long)":"x","# + (0..<20).map { #""s\#($0)":"x""# }.joined(separator: ",") + "}"
        var decoder = TelemetryDecoder()
        var reports: [IgnoredFieldReport] = []
        _ = try decoder.decodeMessage(
            topic: "sensors/d1", payload: Array("[\(sample),\(sample)]".utf8), receivedAt: receivedAt,
            reportIgnored: { reports.append($0) })
        #expect(reports.flatMap(\.fields).count == 16)
        #expect(reports.first?.device.rawValue == "d1" && reports.first?.room == "sensors/d1")
        #expect(reports[0].fields[0].name == String(repeating: "é", count: 32))
        let cut = IgnoredField("x" + long, .array)
        #expect(cut.name == "x" + String(repeating: "é", count: 31))
    }

    @Test("A dropped field is not reported")
    func dropped() throws {
        var context = context()
        context.rules = MetricRules(changes: [], renames: [], drops: ["fw", "x"], states: nil)
        let readings = try JSONObjectDecoder().decode(#"{"t":1,"fw":"1","x":{"y":"z"},"fw2":[]}"#, context)
        #expect(readings[0].ignored == [IgnoredField("fw2", .array)])
    }

    @Test("A text of Tasmota is dropped by the name that its metric would have")
    func droppedTasmota() throws {
        var context = context()
        context.rules = MetricRules(changes: [], renames: [], drops: ["id", "B.Mode"], states: nil)
        let readings = try TasmotaDecoder().decode(
            #"{"DS":{"Id":"01","Temperature":1},"A":{"Mode":"x"},"B":{"Mode":"y"}}"#, context)
        #expect(readings[0].ignored == [IgnoredField("A.Mode", .string)])
    }
}
