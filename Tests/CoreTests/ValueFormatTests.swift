import Core
import Testing

@Suite("Formats of values")
struct ValueFormatTests {
    @Test(
        "Whole numbers within a range, with or without separators",
        arguments: [
            ("1", 1), ("100", 100), ("+7", 7), ("0", nil), ("101", nil), ("1.5", nil), ("", nil),
            ("1_00", 100), ("_1", nil), ("1_", nil), ("1__0", nil), ("-_5", nil),
        ]
            as [(String, Int?)])
    func integer(text: String, expected: Int?) {
        #expect(ValueFormat.integer(in: 1...100).parse(text) == expected)
    }

    @Test(
        "Decimal numbers, but neither hexadecimal nor infinite ones",
        arguments: [
            ("-2.5", -2.5), ("1e3", 1000), ("0x10", nil), ("inf", nil), ("nan", nil), ("1e999", nil), ("1_0", 10),
        ] as [(String, Double?)])
    func number(text: String, expected: Double?) {
        #expect(ValueFormat.number().parse(text) == expected)
    }

    @Test("The message names the value and what is allowed")
    func messages() {
        #expect(
            ValueFormat.integer(in: 1...100).problem(with: "0")
                == "\"0\" is not valid; allowed: a whole number from 1 to 100")
        #expect(ValueFormat.number().allowed == "a number")
        #expect(ValueFormat.number(in: 0 ... .greatestFiniteMagnitude).allowed == "a number of at least 0")
        #expect(
            ValueFormat.choice([("on", true), ("off", false)]).problem(with: "yes\n").hasSuffix("allowed: on, off"))
        let long = String(repeating: "x", count: 61)
        #expect(ValueFormat.bool.problem(with: long).hasPrefix("\"\(long.dropLast())…\" is not valid"))
    }
}
