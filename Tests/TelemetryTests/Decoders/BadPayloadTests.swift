import Core
import Telemetry
import Testing

@Suite("An invalid payload is a typed error with a stable reason code")
struct BadPayloadTests {
    private static func failure(
        _ payload: [UInt8], convention: PayloadConvention = .auto, limits: DecodingLimits = DecodingLimits()
    ) -> DecodeError? {
        do throws(DecodeError) {
            _ = try convention.decoder.decode(payload, context: context(limits: limits))
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "Each fault has its reason code",
        arguments: [
            ("", "empty"), ("{", "invalid_json"), (#"{"a":1,}"#, "invalid_json"), (#"{"a":NaN}"#, "not_finite"),
            (#"{"a":-Infinity}"#, "not_finite"), (#"{"a":1e999}"#, "not_finite"), ("{}", "no_number"),
            (#"{"a":"x","b":null,"c":[1]}"#, "no_number"), ("[]", "no_number"), ("hello", "no_number"),
            ("null", "no_number"), (#"{"value":"hot"}"#, "wrong_type"), (#"{"value":[1]}"#, "wrong_type"),
            ("[1,2]", "wrong_type"), (#"[{"a":1},2]"#, "wrong_type"), (#"{"":1}"#, "bad_metric"),
            (#"{"a":1,"a":2}"#, "duplicate_name"), (#"{"ts":"now","a":1}"#, "bad_time"), (#"{"a":1"#, "invalid_json"),
            (#"{"a":"\ud800"}"#, "invalid_json"),
        ])
    func reasons(payload: String, reason: String) {
        #expect(Self.failure(Array(payload.utf8))?.reason == reason)
    }

    @Test(
        "Bytes that are not UTF-8 are rejected",
        arguments: [Array(#"{"a"#.utf8) + [0xFF] + Array(#"":1}"#.utf8), [0xFF, 0xFE], Array("21.5".utf8) + [0xC2]]
            as [[UInt8]])
    func invalidUTF8(payload: [UInt8]) {
        #expect(Self.failure(payload)?.reason == "invalid_utf8")
    }

    @Test("A payload of 1 MB is too large for every convention", arguments: PayloadConvention.allCases)
    func tooLarge(convention: PayloadConvention) {
        let payload = [UInt8](repeating: UInt8(ascii: "1"), count: 1_000_000)
        #expect(Self.failure(payload, convention: convention) == .tooLarge(byteCount: 1_000_000, limit: 262_144))
    }

    @Test(
        "Ten thousand levels of nesting are too deep for every JSON convention",
        arguments: [
            PayloadConvention.auto, .json, .thingsboard, .tasmota, .zigbee2mqtt, .esphome, .senml, .shelly, .ttn,
            .chirpstack, .owntracks,
        ],
        [#"{"a":"#, "["])
    func tooDeep(convention: PayloadConvention, opening: String) {
        // ESPHome's JSON is an object; an array is not a valid value.
        if convention == .esphome, opening == "[" { return }
        let payload = Array(String(repeating: opening, count: 10_000).utf8)
        #expect(Self.failure(payload, convention: convention) == .tooDeep(limit: 32))
    }

    @Test("A payload with too many metrics or readings is rejected, not truncated")
    func tooMany() {
        let metrics = "{" + (0...256).map { "\"m\($0)\":1" }.joined(separator: ",") + "}"
        let readings = "[" + (0...4096).map { _ in "{\"t\":1}" }.joined(separator: ",") + "]"
        #expect(Self.failure(Array(metrics.utf8)) == .tooManyMetrics(limit: 256))
        #expect(Self.failure(Array(readings.utf8)) == .tooManyReadings(limit: 4096))
        let gateway = "{\"d1\":\(readings)}"
        #expect(Self.failure(Array(gateway.utf8), convention: .thingsboard) == .tooManyReadings(limit: 4096))
        let pack = "[" + (0...4096).map { "{\"n\":\"d1:b\",\"v\":1,\"t\":\(-$0)}" }.joined(separator: ",") + "]"
        #expect(Self.failure(Array(pack.utf8), convention: .senml) == .tooManyReadings(limit: 4096))
        let tasmota = "{\"A\":{" + (0...256).map { "\"m\($0)\":1" }.joined(separator: ",") + "}}"
        #expect(Self.failure(Array(tasmota.utf8), convention: .tasmota) == .tooManyMetrics(limit: 256))
    }

    @Test("An object with too many members is rejected")
    func tooManyMembers() {
        let members = (0...4096).map { "\"m\($0)\":\"x\"" }.joined(separator: ",")
        #expect(Self.failure(Array("{\(members)}".utf8)) == .tooManyMembers(limit: 4096))
        #expect(
            Self.failure(Array(#"{"a":1,"b":2}"#.utf8), limits: DecodingLimits(maxMembersPerObject: 1))
                == .tooManyMembers(limit: 1))
    }

    @Test(
        "The work for long names is proportional to their length", .timeLimit(.minutes(1)),
        arguments: PayloadConvention.allCases)
    func longNames(convention: PayloadConvention) {
        let members = (0..<4_000).map { "\"a\($0)\":1" }.joined(separator: ",")
        let payload = #"{"\#(String(repeating: "n", count: 100_000))":{\#(members)}}"#
        #expect(Self.failure(Array(payload.utf8), convention: convention) != nil)
    }

    @Test("An object with too long a name is rejected before its members are examined")
    func longNameOfObject() {
        let payload = #"{"\#(String(repeating: "n", count: 129))":{"a":{}}}"#
        #expect(Self.failure(Array(payload.utf8), convention: .json)?.reason == "bad_metric")
    }

    @Test("Error descriptions name the fault and, for limits, what is allowed")
    func descriptions() {
        #expect(
            DecodeError.tooLarge(byteCount: 1_000_000, limit: 262_144).description
                == "the payload has 1000000 bytes; allowed: at most 262144")
        #expect(DecodeError.badDevice("a/b").description.hasPrefix("'a/b' is not a valid device"))
        #expect(
            Self.failure(Array("{".utf8))?.description
                == "the payload is not valid JSON: the text ends at byte 1 before the value is complete")
    }
}
