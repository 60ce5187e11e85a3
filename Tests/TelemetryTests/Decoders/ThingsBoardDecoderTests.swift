import Core
import Telemetry
import Testing

@Suite("ThingsBoard: device and gateway telemetry")
struct ThingsBoardDecoderTests {
    private func decode(_ payload: String, _ context: DecodingContext = context()) throws -> [Plain] {
        try ThingsBoardDecoder().decode(payload, context).map(Plain.init)
    }

    @Test(
        "The documented forms of the device API are decoded",
        arguments: [
            (#"{"temperature":22.5,"humidity":61}"#, [Plain("d1", ["temperature=22.5", "humidity=61"])]),
            (
                #"{"ts":1451649600512,"values":{"temperature":42,"active":true,"name":"x"}}"#,
                [Plain("d1", ["temperature=42", "active=1"], at: "2016-01-01T12:00:00.512Z")]
            ),
            (
                #"[{"ts":1451649600000,"values":{"temperature":42.2}},{"temperature":60}]"#,
                [Plain("d1", ["temperature=42.2"], at: "2016-01-01T12:00:00.000Z"), Plain("d1", ["temperature=60"])]
            ),
            (#"{"nested":{"key":1},"list":[1,2]}"#, [Plain("d1", ["nested.key=1"])]),
            (#"{"ts":7,"time":8}"#, [Plain("d1", ["ts=7", "time=8"])]),
        ])
    func device(payload: String, expected: [Plain]) throws {
        #expect(try decode(payload) == expected)
    }

    @Test("The gateway API names devices in the payload")
    func gateway() throws {
        let payload = """
            {"Device A":[{"ts":1483228800000,"values":{"temperature":42,"humidity":80}},
             {"ts":1483228801000,"values":{"temperature":43}}],"Device B":[{"values":{"temperature":41}}]}
            """
        let expected = [
            Plain("Device A", ["temperature=42", "humidity=80"], at: "2017-01-01T00:00:00.000Z"),
            Plain("Device A", ["temperature=43"], at: "2017-01-01T00:00:01.000Z"),
            Plain("Device B", ["temperature=41"]),
        ]
        #expect(try decode(payload, context(device: nil)) == expected)
        #expect(try decode(payload, context(allowsForeignDevices: true)) == expected)
    }

    @Test("A topic that names a device accepts the gateway form for that device only")
    func foreignDevice() throws {
        #expect(try decode(#"{"d1":[{"temperature":21},{"temperature":22}]}"#).map(\.device) == ["d1", "d1"])
        for payload in [#"{"dev2":[{"temperature":99}]}"#, #"{"d1":[{"t":1}],"dev2":[{"t":99}]}"#] {
            #expect(throws: DecodeError.foreignDevice("dev2", topicDevice: "d1")) { try decode(payload) }
        }
    }

    @Test("An invalid device name in the gateway form rejects the whole message")
    func badDevice() {
        #expect(throws: DecodeError.badDevice("a/b")) {
            try decode(#"{"ok":[{"t":1}],"a/b":[{"t":1}]}"#, context(device: nil))
        }
        #expect(throws: DecodeError.badDevice(nil)) { try decode(#"{"t":1}"#, context(device: nil)) }
    }

    @Test("Payloads without numbers or with wrong types are errors")
    func refuses() {
        #expect(throws: DecodeError.noNumber) { try decode(#"{"key1":"value1"}"#) }
        #expect(throws: DecodeError.noNumber) { try decode("[]") }
        #expect { try decode("[1]") } throws: { ($0 as? DecodeError)?.reason == "wrong_type" }
        #expect { try decode("\"x\"") } throws: { ($0 as? DecodeError)?.reason == "wrong_type" }
    }
}
