import Core
import TestSupport
import Testing

@Suite("Written JSON parses back to the same value")
struct JSONWriterTests {
    private func written(_ write: (inout [UInt8]) -> Void) -> String {
        var bytes: [UInt8] = []
        write(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        "Numbers are written in their shortest form, integers without fraction or exponent",
        arguments: [
            (21.5, "21.5"), (21, "21"), (-0.5, "-0.5"), (0, "0"), (9_007_199_254_740_992, "9007199254740992"),
            (-9_007_199_254_740_992, "-9007199254740992"), (12_345_678_901_234, "12345678901234"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e300, "1e+300"), (.nan, "null"), (.infinity, "null"), (1_714_564_800.25, "1714564800.25"),
        ])
    func numbers(value: Double, expected: String) {
        #expect(written { JSONWriter.append(value, to: &$0) } == expected)
    }

    @Test("Random doubles parse back to the same value")
    func randomNumbers() throws {
        var random = SeededRandom(seed: 3)
        for _ in 0..<5_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            var bytes: [UInt8] = []
            JSONWriter.append(value, to: &bytes)
            #expect(try JSONParser.parse(bytes).numberValue == value)
        }
    }

    @Test(
        "Integers are written exactly",
        arguments: [(0, "0"), (-1, "-1"), (Int64.min, "-9223372036854775808"), (.max, "9223372036854775807")])
    func integers(value: Int64, expected: String) {
        #expect(written { JSONWriter.append(value, to: &$0) } == expected)
    }

    @Test(
        "Strings are escaped where RFC 8259 or an HTML page requires it",
        arguments: [
            ("", #""""#), ("plain", #""plain""#), ("a\"b\\c", #""a\"b\\c""#),
            ("\n\r\t\u{1}\u{7F}", #""\n\r\t\u0001\u007f""#),
            ("</script>&", #""\u003c/script\u003e\u0026""#), ("Grün °C 🌡", #""Grün °C 🌡""#),
        ])
    func strings(value: String, expected: String) {
        #expect(written { JSONWriter.append(value, to: &$0) } == expected)
        #expect(written { JSONWriter.append(value[...], to: &$0) } == expected)
    }

    @Test("A string of any characters parses back to the same value")
    func stringsReadBack() throws {
        let all = String(
            String.UnicodeScalarView((0...0x2FFF as ClosedRange<UInt32>).compactMap { Unicode.Scalar($0) }))
        var bytes: [UInt8] = []
        JSONWriter.append(all, to: &bytes)
        #expect(try JSONParser.parse(bytes).stringValue == all)
    }

    @Test("A value is written without spaces, with its members in order")
    func values() throws {
        let text = #"{"b":[1,2.5,null,true,false,"x"],"a":{},"c":[]}"#
        let value = try JSONParser.parse(Array(text.utf8))
        #expect(written { value.append(to: &$0) } == text)
    }

    @Test("A timestamp is written as an RFC 3339 string")
    func timestamps() {
        let timestamp = Timestamp(nanosecondsSinceEpoch: 1_714_564_800_250_999_999)
        #expect(written { JSONWriter.appendRFC3339(timestamp, to: &$0) } == #""2024-05-01T12:00:00.250Z""#)
    }

    @Test("An object is written member by member")
    func objects() {
        var builder = JSONObjectBuilder()
        builder.add("room_id", "sensors/a")
        builder.add("dropped", 12)
        builder.add("age", 1.5)
        builder.add("snapshot", true)
        builder.add("more", object: Array("{}".utf8))
        let text = String(decoding: builder.finished(), as: UTF8.self)
        #expect(text == #"{"room_id":"sensors/a","dropped":12,"age":1.5,"snapshot":true,"more":{}}"#)
        #expect(JSONObjectBuilder().finished() == Array("{}".utf8))
    }
}
