import Core
import Telemetry
import Testing

@Suite("SenML packs (RFC 8428)")
struct SenMLDecoderTests {
    private func decode(_ payload: String, _ context: DecodingContext = context()) throws -> [Plain] {
        try SenMLDecoder().decode(payload, context).map(Plain.init)
    }

    @Test(
        "The examples of the RFC are decoded",
        arguments: [
            (
                #"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#,
                [Plain("urn:dev:ow:10e2073a01080063", ["value=23.1 °C"])]
            ),
            (
                #"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]"#,
                [Plain("urn:dev:ow:10e2073a01080063", ["voltage=120.1 V", "current=1.2 A"])]
            ),
            (
                #"""
                [{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
                {"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","v":1.7}]
                """#,
                [
                    Plain(
                        "urn:dev:ow:10e2073a0108006", ["voltage=120.1 V", "current=1.7 A"],
                        at: "2010-06-08T18:01:16.001Z"),
                    Plain("urn:dev:ow:10e2073a0108006", ["current=1.2 A"], at: "2010-06-08T18:01:11.001Z"),
                    Plain("urn:dev:ow:10e2073a0108006", ["current=1.3 A"], at: "2010-06-08T18:01:12.001Z"),
                ]
            ),
            (
                #"""
                [{"bn":"urn:dev:ow:10e2073a01080063:","bt":1.320067464e+09,"bu":"%RH","v":20},
                {"u":"lon","v":24.30621},{"n":"humidity","v":20.3,"t":60},{"n":"label","vs":"Machine Room"},
                {"n":"open","vb":false},{"n":"nfc","vd":"aGkgCg"}]
                """#,
                [
                    Plain(
                        "urn:dev:ow:10e2073a01080063", ["value=24.30621 lon", "open=0"], at: "2011-10-31T13:24:24.000Z"),
                    Plain("urn:dev:ow:10e2073a01080063", ["humidity=20.3 %"], at: "2011-10-31T13:25:24.000Z"),
                ]
            ),
        ])
    func examples(payload: String, expected: [Plain]) throws {
        #expect(try decode(payload, context(device: nil)) == expected)
    }

    @Test("Base value and base sum are added; a sum is a metric of its own")
    func baseValues() throws {
        let payload = #"[{"bn":"d1:","bv":20,"bs":100,"bu":"W","n":"p","v":1.5,"s":5},{"n":"q","v":2}]"#
        #expect(try decode(payload) == [Plain("d1", ["p=21.5 W", "p.sum=105 W·s", "q=22 W"])])
    }

    @Test("Times below 2^28 are relative to the receive time")
    func relativeTimes() throws {
        #expect(
            try decode(#"[{"bn":"d1/","bt":-10,"n":"a","v":1,"t":4},{"n":"b","v":2,"t":10}]"#)
                == [Plain("d1", ["a=1"], at: "2024-05-01T11:59:54.000Z"), Plain("d1", ["b=2"])])
    }

    @Test("Times from 2^28 on are absolute")
    func absoluteTimes() throws {
        #expect(try decode(#"[{"n":"d1:a","v":1,"t":60}]"#)[0].time == "2024-05-01T12:01:00.000Z")
        #expect(try decode(#"[{"n":"d1:a","v":1,"t":268435456}]"#)[0].time == "1978-07-04T21:24:16.000Z")
    }

    @Test("A name without a device belongs to the topic's device; slashes in a device's name become colons")
    func names() throws {
        #expect(try decode(#"[{"n":"temperature","u":"Cel","v":21.5}]"#) == [Plain("d1", ["temperature=21.5 °C"])])
        #expect(
            try decode(#"[{"n":"house/kitchen/temperature","v":1}]"#, context(device: nil))
                == [Plain("house:kitchen", ["temperature=1"])])
        #expect(try decode(#"[{"v":1}]"#, context(metric: "m")) == [Plain("d1", ["m=1"])])
        #expect(throws: DecodeError.badDevice(nil)) { try decode(#"[{"n":"t","v":1}]"#, context(device: nil)) }
    }

    @Test(
        "A pack of the topic's device may contain its name or a single URN",
        arguments: [
            (#"[{"bn":"d1/","n":"t","v":1},{"n":"h","v":2}]"#, ["t=1", "h=2"]),
            (#"[{"bn":"d1:","v":1}]"#, ["value=1"]), (#"[{"bn":"d1/env/","n":"t","v":1}]"#, ["env/t=1"]),
            (#"[{"n":"d1","v":1}]"#, ["d1=1"]), (#"[{"n":"/t","v":1}]"#, ["t=1"]),
            (#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"t","v":1},{"n":"h","v":2}]"#, ["t=1", "h=2"]),
            (#"[{"n":"urn:dev:ow:10e2073a01080063","v":1}]"#, ["value=1"]),
            (#"[{"bn":"urn:dev:mac:0024befffe804ff1/","n":"t","v":1}]"#, ["t=1"]),
        ])
    func ownNames(payload: String, metrics: [String]) throws {
        #expect(try decode(payload) == [Plain("d1", metrics)])
    }

    @Test(
        "A pack of another device is rejected if the topic names a device",
        arguments: [
            (#"[{"bn":"dev2/","n":"t","v":99}]"#, "dev2"), (#"[{"n":"t","v":1},{"n":"dev2:t","v":99}]"#, "dev2"),
            (#"[{"bn":"d1/","n":"t","v":1},{"bn":"d11/","n":"t","v":1}]"#, "d11"),
            (#"[{"bn":"urn:dev:ow:1:","n":"t","v":1},{"bn":"urn:dev:ow:2:","n":"t","v":1}]"#, "urn:dev:ow:2"),
            (#"[{"n":"house/kitchen/t","v":1}]"#, "house:kitchen"),
        ])
    func foreignDevice(payload: String, device: String) throws {
        #expect(throws: DecodeError.foreignDevice(device, topicDevice: "d1")) { try decode(payload) }
        let readings = try decode(payload, context(allowsForeignDevices: true))
        #expect(readings.contains { $0.device == device })
    }

    @Test("A topic may name its device by a URN, or with colons in place of slashes")
    func namedByTopic() throws {
        let urn = "urn:dev:ow:10e2073a01080063"
        #expect(
            try decode(#"[{"bn":"\#(urn):","n":"t","v":1}]"#, context(device: urn)) == [Plain(urn, ["t=1"])])
        #expect(try decode(#"[{"n":"\#(urn)","v":1}]"#, context(device: urn)) == [Plain(urn, ["value=1"])])
        #expect(
            try decode(#"[{"n":"house/kitchen/t","v":1}]"#, context(device: "house:kitchen"))
                == [Plain("house:kitchen", ["t=1"])])
    }

    @Test(
        "An invalid pack is an error",
        arguments: [
            (#"{"n":"a","v":1}"#, "wrong_type"), ("[1]", "wrong_type"), (#"[{"n":"a","v":"1"}]"#, "wrong_type"),
            (#"[{"n":1,"v":1}]"#, "wrong_type"), (#"[{"n":"a","vb":1}]"#, "wrong_type"),
            (#"[{"bver":11,"n":"a","v":1}]"#, "wrong_type"), (#"[{"n":"a","v":1,"must_":1}]"#, "wrong_type"),
            (#"[{"n":"a","vs":"x"}]"#, "no_number"), ("[]", "no_number"), (#"[{"n":"a","v":1,"t":1e300}]"#, "bad_time"),
            (#"[{"bv":1.7e308,"n":"a","v":1.7e308}]"#, "not_finite"), (#"[{"n":"a#:b","v":1}]"#, "bad_device"),
        ])
    func refuses(payload: String, reason: String) {
        #expect { try decode(payload) } throws: { ($0 as? DecodeError)?.reason == reason }
    }

    @Test("A long base name is not copied for each record")
    func longBaseName() {
        let payload =
            #"[{"bn":"\#(String(repeating: "a", count: 100_000))","v":1}\#(String(repeating: #",{"v":1}"#, count: 9_000))]"#
        #expect { try decode(payload) } throws: { ($0 as? DecodeError)?.reason == "bad_device" }
    }
}
