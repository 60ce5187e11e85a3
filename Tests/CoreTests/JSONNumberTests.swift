import Core
import TestSupport
import Testing

@Suite("Parsing of JSON numbers, correctly rounded")
struct JSONNumberTests {
    private func number(_ text: String) throws -> Double? {
        try JSONParser.parse(Array(text.utf8)).numberValue
    }

    @Test(
        "Known difficult texts give the nearest double",
        arguments: [
            ("0", 0), ("-0", -0.0), ("21.5", 21.5), ("-40.0", -40), ("1e3", 1000), ("1E+3", 1000), ("25e-1", 2.5),
            ("9007199254740992", 9_007_199_254_740_992), ("9007199254740993", 9_007_199_254_740_992),
            ("12345678901234", 12_345_678_901_234), ("0.1", 0.1), ("0.30000000000000004", 0.30000000000000004),
            ("1.7976931348623157e308", 1.7976931348623157e308), ("5e-324", .leastNonzeroMagnitude), ("1e-400", 0),
            ("0.000000000000000000000000000001", 1e-30), ("123456789012345678901234567890", 1.2345678901234568e29),
            ("1e22", 1e22), ("1e23", 1e23), ("0e999", 0),
            ("2.2250738585072011e-308", Double(bitPattern: 0x000F_FFFF_FFFF_FFFF)),
            ("0.500000000000000166533453693773481063544750213623046875", 0.5000000000000002),
        ])
    func known(text: String, expected: Double) throws {
        #expect(try number(text) == expected)
        #expect(try number(text)?.sign == expected.sign)
    }

    @Test("Random decimals in every notation parse to the same double as in the standard library")
    func random() throws {
        var random = SeededRandom(seed: 7)
        for _ in 0..<20_000 {
            var texts = ["\(Double(bitPattern: random.next()))"]
            let digits = Int.random(in: 1...20, using: &random)
            let whole = (0..<digits).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
            texts.append("\(Int.random(in: 1...9, using: &random))\(whole).\(whole)")
            texts.append("0.\(whole)e\(Int.random(in: -40...40, using: &random))")
            for text in texts {
                guard let expected = Double(text), expected.isFinite else { continue }
                if try number(text)?.bitPattern != expected.bitPattern { Issue.record("\(text)") }
            }
        }
    }

    @Test(
        "Text that is not a JSON number is rejected",
        arguments: ["01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10", "1_000", "--1", "1.e1", "-a"])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try number(text) }
    }
}
