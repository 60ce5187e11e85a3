import Core
import Telemetry
import Testing

@Suite("The numbers of a JSON object become metrics under their own names")
struct JSONObjectDecoderTests {
    private func decode(_ payload: String, _ context: DecodingContext = context()) throws -> [Plain] {
        try JSONObjectDecoder().decode(payload, context).map(Plain.init)
    }

    @Test(
        "Objects of every accepted shape are decoded",
        arguments: [
            (
                #"{"temperature":21.5,"humidity":40.2,"seq":17,"stamp":12345678901234}"#,
                ["temperature=21.5", "humidity=40.2", "seq=17", "stamp=12345678901234"]
            ),
            (#"{"door":true,"alarm":false,"name":"x","note":null,"list":[1,2]}"#, ["door=1", "alarm=0"]),
            (
                #"{"air":{"temperature":21.5,"co2":{"ppm":600}},"b":1}"#,
                ["air.temperature=21.5", "air.co2.ppm=600", "b=1"]
            ),
            (#"{"temperature":{"value":21.5,"unit":"°C"}}"#, ["temperature=21.5 °C"]),
            (#"{"a":{"value":1}}"#, ["a.value=1"]),
            (#"{"value":21.5,"unit":"°C"}"#, ["value=21.5 °C"]),
            (#"{"metric":"co2","value":600,"unit":"ppm"}"#, ["co2=600 ppm"]),
            (#"{"sensor":"co2","value":600}"#, ["co2=600"]), (#"{"name":"co2","value":true}"#, ["co2=1"]),
            (#"{"sensor":3,"battery":90}"#, ["sensor=3", "battery=90"]),
            (#"{"a.c":1,"b":2,"a":{"c":3}}"#, ["a.c=3", "b=2"]), (#"{"seq":4,"values":{"t":1}}"#, ["seq=4", "t=1"]),
            ("21.5", ["value=21.5"]), ("true", ["value=1"]), (#"{"big":9007199254740992}"#, ["big=9007199254740992"]),
        ])
    func shapes(payload: String, metrics: [String]) throws {
        #expect(try decode(payload) == [Plain("d1", metrics)])
    }

    @Test("`value` takes the topic's metric name; other numbers keep theirs")
    func topicMetric() throws {
        let context = context(metric: "temperature")
        #expect(
            try decode(#"{"value":21.5,"name":"x","battery":90}"#, context) == [
                Plain("d1", ["temperature=21.5", "battery=90"])
            ])
        #expect(try decode(#"{"a":1,"b":2}"#, context) == [Plain("d1", ["a=1", "b=2"])])
    }

    @Test(
        "Times are accepted in every unit and notation",
        arguments: [
            #"{"ts":1714564800,"t":1}"#, #"{"ts":1714564800000,"t":1}"#, #"{"timestamp":1714564800000000,"t":1}"#,
            #"{"time":1714564800000000000,"t":1}"#, #"{"time":"2024-05-01T12:00:00Z","t":1}"#,
            #"{"timestamp":"2024-05-01T14:00:00+02:00","t":1}"#, #"{"time":"2024-05-01T12:00:00","t":1}"#,
            #"{"ts":"1714564800","t":1}"#, #"{"ts":1714564800.0,"values":{"t":1}}"#,
            #"{"t":1,"ts":null,"time":1714564800}"#,
        ])
    func times(payload: String) throws {
        #expect(try decode(payload) == [Plain("d1", ["t=1"], at: "2024-05-01T12:00:00.000Z")])
    }

    @Test("Fractions of a second are kept")
    func fractionalTime() throws {
        let reading = try #require(try JSONObjectDecoder().decode(#"{"ts":1714564800.123456,"t":1}"#, context()).first)
        #expect(reading.deviceTime?.nanosecondsSinceEpoch == 1_714_564_800_123_456_000)
    }

    @Test(
        "An invalid time is an error",
        arguments: [
            #"{"ts":"yesterday","t":1}"#, #"{"time":true,"t":1}"#, #"{"timestamp":{},"t":1}"#, #"{"ts":1e300,"t":1}"#,
            #"{"ts":"nan","t":1}"#,
        ])
    func badTimes(payload: String) {
        #expect { try decode(payload) } throws: { ($0 as? DecodeError)?.reason == "bad_time" }
    }

    @Test("An array gives one reading per element, in order")
    func arrays() throws {
        let payload = #"[{"ts":1714564800,"values":{"t":1}},{"ts":1714564801,"values":{"t":2}},{"note":"x"}]"#
        #expect(
            try decode(payload) == [
                Plain("d1", ["t=1"], at: "2024-05-01T12:00:00.000Z"),
                Plain("d1", ["t=2"], at: "2024-05-01T12:00:01.000Z"),
            ])
    }

    @Test("The payload's device is used only if the topic names none")
    func device() throws {
        let payload = #"{"device":"pump","rpm":900}"#
        #expect(try decode(payload, context(device: nil)) == [Plain("pump", ["rpm=900"])])
        #expect(try decode(payload) == [Plain("d1", ["rpm=900"])])
        #expect(throws: DecodeError.badDevice("a/b")) { try decode(#"{"device":"a/b","rpm":1}"#, context(device: nil)) }
    }

    @Test("A valid trace context in the payload is used, an invalid one is ignored")
    func trace() throws {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let payload = #"{"t":1,"traceparent":"\#(parent)","tracestate":"a=1"}"#
        let reading = try #require(try JSONObjectDecoder().decode(payload, context()).first)
        #expect(reading.trace == TraceContext(traceparent: parent, state: "a=1"))
        #expect(reading.metrics.count == 1)
        #expect(try JSONObjectDecoder().decode(#"{"t":1,"traceparent":"x"}"#, context()).first?.trace == nil)
    }

    @Test("°F is converted to °C only if the route says so")
    func fahrenheit() throws {
        let payload = #"{"a":{"value":70.7,"unit":"°F"},"b":{"value":-40,"unit":"F"},"c":{"value":1,"unit":"hPa"}}"#
        #expect(try decode(payload) == [Plain("d1", ["a=70.7 °F", "b=-40 F", "c=1 hPa"])])
        #expect(
            try decode(payload, context(convertsFahrenheit: true)) == [
                Plain("d1", ["a=21.5 °C", "b=-40 °C", "c=1 hPa"])
            ])
    }

    @Test(
        "A duplicate name in an object is an error, also with different escapes",
        arguments: [
            #"{"value":1,"value":1}"#, #"{"a":1,"b":2,"a":3}"#, #"{"a":1,"\u0061":2}"#,
            #"{"t":1,"values":{"x":1,"x":2}}"#,
            #"{"é":1,"\u00e9":2}"#,
        ])
    func duplicateNames(payload: String) {
        #expect { try decode(payload) } throws: { ($0 as? DecodeError)?.reason == "duplicate_name" }
    }

    @Test("A duplicate name is found among many members", arguments: [15, 16, 17, 100, 4_000])
    func duplicateAmongMany(count: Int) {
        let members = (0..<count).map { #""m\#($0)":"x""# } + [#""m\#(count / 2)":1"#]
        let payload = "{\(members.joined(separator: ","))}"
        #expect(throws: DecodeError.duplicateName("m\(count / 2)")) { try decode(payload) }
    }

    @Test("Names are compared byte by byte, not by Unicode equivalence")
    func similarNames() throws {
        #expect(try decode("{\"\u{E9}\":1,\"e\u{301}\":2}")[0].metrics.count == 2)
    }

    @Test("A generated name is unique, however many names are taken", arguments: [1, 15, 16, 17, 18, 40])
    func uniqueNames(count: Int) throws {
        let members = (0..<count).map { "\"m\($0)\":0" } + [#""values":{"m0":1}"#]
        let metrics = try JSONObjectDecoder().decode("{\(members.joined(separator: ","))}", context())[0].metrics
        #expect(metrics.map(\.name) == (0..<count).map { "m\($0)" })
        #expect(metrics[0].value == 1)
    }

    @Test("Many metrics keep their order and have unique names")
    func manyMetrics() throws {
        let names = (0..<200).map { "m\($0)" }
        func members(from first: Int) -> String {
            names.enumerated().map { "\"\($1)\":\(first + $0)" }.joined(separator: ",")
        }
        let payload = "{\(members(from: 0)),\"values\":{\(members(from: 200))}}"
        let metrics = try JSONObjectDecoder().decode(payload, context())[0].metrics
        #expect(metrics.map(\.name) == names)
        #expect(metrics.map(\.value) == (200..<400).map(Double.init))
    }
}
