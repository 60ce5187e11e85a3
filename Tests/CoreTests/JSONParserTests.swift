import Core
import Testing

private func parse(_ text: String, maxDepth: Int = JSONParser.defaultMaxDepth) throws(JSONError) -> JSONValue {
    try JSONParser.parse(Array(text.utf8), maxDepth: maxDepth)
}

@Suite("The JSON parser accepts exactly RFC 8259")
struct JSONParserTests {
    @Test("Objects keep the order of their members and find them by name")
    func objects() throws {
        let value = try parse(#" {"b":1,"a":[true,null,"x"],"d":{"c":2}} "#)
        #expect(value.objectValue?.map(\.name) == ["b", "a", "d"])
        #expect(value["d"]?["c"]?.integerValue == 2)
        #expect(value["a"]?.arrayValue == [.bool(true), .null, .string("x")])
        #expect(value["missing"] == nil)
        #expect(try parse("{}") == .object([]))
        #expect(try parse(" [ ] ") == .array([]))
    }

    @Test("A typed accessor returns nil for a value of another type")
    func accessors() throws {
        #expect(JSONValue.number(1.5).integerValue == nil)
        #expect(JSONValue.number(9_007_199_254_740_992).integerValue == 9_007_199_254_740_992)
        #expect(JSONValue.number(9_007_199_254_740_994).integerValue == nil)
        #expect(JSONValue.string("1").numberValue == nil)
        #expect(JSONValue.bool(true).boolValue == true)
        #expect(JSONValue.null.isNull)
        #expect(JSONValue.number(1).stringValue == nil)
    }

    @Test(
        "Strings are unescaped",
        arguments: [
            (#""""#, ""), (#""plain""#, "plain"), (#""Grün °C µ 温度 🌡️""#, "Grün °C µ 温度 🌡️"),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u4e2d\u0000""#, "é中\0"),
            (#""\ud83c\udf21 x""#, "🌡 x"), (#""a\u0301""#, "a\u{301}"), ("\"\u{7F}\"", "\u{7F}"),
        ])
    func strings(text: String, expected: String) throws {
        let string = try #require(try parse(text).stringValue)
        #expect(Array(string.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test(
        "Invalid text is an error with its byte offset",
        arguments: [
            ("", JSONError(.empty, at: 0)), ("  ", JSONError(.empty, at: 2)),
            ("{", JSONError(.unexpectedEnd, at: 1)), (#"{"a""#, JSONError(.unexpectedEnd, at: 4)),
            (#"{"a":1,}"#, JSONError(.unexpectedByte(UInt8(ascii: "}"), expected: .name), at: 7)),
            (#"{a:1}"#, JSONError(.unexpectedByte(UInt8(ascii: "a"), expected: .nameOrEnd), at: 1)),
            (#"{"a" 1}"#, JSONError(.unexpectedByte(UInt8(ascii: "1"), expected: .colon), at: 5)),
            (#"{"a":1 "b":2}"#, JSONError(.unexpectedByte(UInt8(ascii: "\""), expected: .commaOrBrace), at: 7)),
            ("[1,]", JSONError(.unexpectedByte(UInt8(ascii: "]"), expected: .value), at: 3)),
            ("[1;2]", JSONError(.unexpectedByte(UInt8(ascii: ";"), expected: .commaOrBracket), at: 2)),
            ("1 2", JSONError(.unexpectedByte(UInt8(ascii: "2"), expected: .end), at: 2)),
            ("tru", JSONError(.unexpectedByte(UInt8(ascii: "t"), expected: .value), at: 0)),
            ("nul", JSONError(.unexpectedByte(UInt8(ascii: "n"), expected: .value), at: 0)),
            ("// x", JSONError(.unexpectedByte(UInt8(ascii: "/"), expected: .value), at: 0)),
            ("'a'", JSONError(.unexpectedByte(UInt8(ascii: "'"), expected: .value), at: 0)),
            ("\u{FEFF}1", JSONError(.unexpectedByte(0xEF, expected: .value), at: 0)),
            (#""abc"#, JSONError(.unexpectedEnd, at: 4)), ("\"a\nb\"", JSONError(.controlCharacter(10), at: 2)),
            (#""\x""#, JSONError(.unexpectedByte(UInt8(ascii: "x"), expected: .escape), at: 2)),
            (#""\u12g4""#, JSONError(.unexpectedByte(UInt8(ascii: "g"), expected: .hexDigit), at: 5)),
            (#""\ud800""#, JSONError(.loneSurrogate, at: 1)), (#""\ud800\u0041""#, JSONError(.loneSurrogate, at: 1)),
            (#""\udc00""#, JSONError(.loneSurrogate, at: 1)), ("NaN", JSONError(.notFinite, at: 0)),
            (#"{"a":Infinity}"#, JSONError(.notFinite, at: 5)), ("[-Infinity]", JSONError(.notFinite, at: 1)),
            ("nan", JSONError(.notFinite, at: 0)), ("1e400", JSONError(.numberTooLarge, at: 0)),
            ("-1e309", JSONError(.numberTooLarge, at: 0)),
            (#"{"a":1,"b":2,"a":3}"#, JSONError(.duplicateName("a"), at: 13)),
            (#"[{"a":1},{"x":{"a":1,"\u0061":2}}]"#, JSONError(.duplicateName("a"), at: 21)),
            (#"{"":1,"":1}"#, JSONError(.duplicateName(""), at: 6)),
        ])
    func refuses(text: String, error: JSONError) {
        #expect(throws: error) { try parse(text) }
    }

    @Test(
        "Invalid UTF-8 is an error at the offset where it begins",
        arguments: [
            ([0x22, 0x61, 0xFF, 0x22], 2), ([0x22, 0xC3, 0x22], 1), ([0x22, 0xED, 0xA0, 0x80, 0x22], 1),
            ([0x22, 0xC0, 0x80, 0x22], 1), ([0x22, 0xC3, 0xA9, 0x5C, 0x6E, 0x80, 0x22], 5),
        ] as [([UInt8], Int)])
    func refusesInvalidUTF8(bytes: [UInt8], offset: Int) {
        #expect(throws: JSONError(.invalidUTF8, at: offset)) { try JSONParser.parse(bytes) }
    }

    @Test("Nesting beyond the limit is an error, also with ten thousand levels")
    func depth() throws {
        let nested = { (levels: Int) in String(repeating: "[", count: levels) + String(repeating: "]", count: levels) }
        _ = try parse(nested(32))
        #expect(throws: JSONError(.tooDeep(limit: 32), at: 32)) { try parse(nested(33)) }
        #expect(throws: JSONError(.tooDeep(limit: 2), at: 2)) { try parse(nested(3), maxDepth: 2) }
        #expect(throws: JSONError(.tooDeep(limit: 32), at: 32)) { try parse(nested(10_000)) }
        let objects = String(repeating: #"{"a":"#, count: 10_000)
        #expect(throws: JSONError(.tooDeep(limit: 256), at: 256 * 5)) { try parse(objects, maxDepth: .max) }
    }

    @Test("Errors have readable descriptions")
    func descriptions() {
        #expect(
            JSONError(.unexpectedByte(UInt8(ascii: "]"), expected: .value), at: 3).description
                == "at byte 3: found ']'; expected a value")
        #expect(
            JSONError(.unexpectedByte(0, expected: .colon), at: 9).description
                == "at byte 9: found byte 0; expected ':'")
    }

    @Test("A part of a larger buffer is parsed in place")
    func rawBuffer() throws {
        let bytes = Array("xx[1]yy".utf8)
        let value = try bytes.withUnsafeBytes { try JSONParser.parse(UnsafeRawBufferPointer(rebasing: $0[2..<5])) }
        #expect(value == .array([.number(1)]))
    }
}
