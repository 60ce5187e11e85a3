import Core
import Telemetry
import Testing

@Suite("A bare value becomes one metric, named by the topic")
struct BareValueDecoderTests {
    @Test(
        "Numbers and switch states are values",
        arguments: [
            ("21.5", 21.5), (" 21.5 \r\n", 21.5), ("-3", -3), ("+4.25", 4.25), ("007", 7), (".5", 0.5), ("1e3", 1000),
            ("ON", 1), ("OFF", 0), ("on", 1), ("true", 1), ("false", 0), ("True", 1),
            ("9007199254740992", 9_007_199_254_740_992),
        ])
    func values(payload: String, expected: Double) throws {
        let readings = try BareValueDecoder().decode(payload, context(metric: "temperature"))
        #expect(
            readings == [
                DecodedReading(
                    device: try #require(DeviceID("d1")), metrics: [Metric(name: "temperature", value: expected)])
            ])
    }

    @Test("A topic without a metric gives the name 'value'")
    func defaultName() throws {
        #expect(try BareValueDecoder().decode("1", context()).map(Plain.init) == [Plain("d1", ["value=1"])])
    }

    @Test(
        "Any other payload is an error",
        arguments: [
            ("", DecodeError.empty), ("  ", .noNumber), ("hello", .noNumber),
            ("21.5 °C", .numberWithUnit("21.5 °C")), ("21%", .numberWithUnit("21%")), ("3 m2", .numberWithUnit("3 m2")),
            ("1,5", .decimalComma("1,5")), ("-21,5 °C", .decimalComma("-21,5 °C")), ("1,2,3", .noNumber),
            (",5", .noNumber),
            ("--1", .noNumber), ("e", .noNumber), ("1 2", .noNumber), ("0x10", .noNumber), ("nan", .notFinite),
            ("NaN", .notFinite), ("-inf", .notFinite), ("Infinity", .notFinite), ("1e999", .notFinite),
        ])
    func refuses(payload: String, error: DecodeError) {
        #expect(throws: error) { try BareValueDecoder().decode(payload, context()) }
    }

    @Test("A topic without a device is an error")
    func needsDevice() {
        #expect(throws: DecodeError.badDevice(nil)) { try BareValueDecoder().decode("1", context(device: nil)) }
    }
}
