import Core
import Testing

@testable import DeviceSimulator

@Suite("CSV parsing according to RFC 4180")
struct CSVReaderTests {
    private func records(_ text: String) throws -> [[String]] {
        var reader = CSVReader(path: "d.csv", Array(text.utf8))
        var records: [[String]] = []
        while let record = try reader.next() { records.append(record.fields) }
        return records
    }

    @Test(
        "Fields, quotes and line ends are parsed",
        arguments: [
            ("", [[String]]()), ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]), ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
            ("\"a\",\"b,c\"", [["a", "b,c"]]), ("\"say \"\"hi\"\"\",1", [["say \"hi\"", "1"]]),
            ("\"two\nlines\",1\n2,3", [["two\nlines", "1"], ["2", "3"]]),
            ("a,,\n,,b", [["a", "", ""], ["", "", "b"]]),
            ("\u{FEFF}a,b", [["a", "b"]]), ("a\n\n\r\nb\n", [["a"], ["b"]]), ("\"\",x", [["", "x"]]),
        ])
    func fields(text: String, expected: [[String]]) throws {
        #expect(try records(text) == expected)
    }

    @Test(
        "Misplaced quotes are errors that name the line",
        arguments: [("a\n\"b", 2), ("a\n\"b\nc\n", 2), ("\"a\"x,b", 1), ("a,b\n1,2\n\"3\"4,5", 3)])
    func quotes(text: String, line: Int) throws {
        let error = try #require(throws: ConfigurationError.self) { _ = try records(text) }
        #expect(error.problems.map(\.line) == [line])
    }

    @Test("Records have the number of their first line")
    func lines() throws {
        var reader = CSVReader(path: "d.csv", Array("a\n\"b\nc\"\n\nd".utf8))
        #expect(try [reader.next()?.line, reader.next()?.line, reader.next()?.line] == [1, 2, 5])
    }
}
