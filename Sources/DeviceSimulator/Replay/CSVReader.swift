/// A reader for comma-separated values, record by record (RFC 4180).
///
/// Quoted fields may contain commas, line breaks and doubled quotes. Lines end with CR LF or LF. Empty lines between
/// records and a byte order mark are skipped. Bytes that are not UTF-8 become U+FFFD.
struct CSVReader {
    struct Record: Hashable {
        var fields: [String]
        /// The line on which the record begins, counted from 1.
        var line: Int
    }

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// Returns the next record, or `nil` at the end. Throws when quotes are misplaced.
    mutating func next() throws(CSVError) -> Record? {
        while skipLineBreak() {}
        guard position < bytes.count else { return nil }
        var record = Record(fields: [], line: line)
        while true {
            record.fields.append(try field())
            if position < bytes.count, bytes[position] == UInt8(ascii: ",") {
                position += 1
                continue
            }
            guard position == bytes.count || skipLineBreak() else {
                throw CSVError(
                    line: line, problem: "text after a closing quote; expected ',' or the end of the line")
            }
            return record
        }
    }

    private mutating func field() throws(CSVError) -> String {
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try quotedField() }
        let start = position
        while position < bytes.count, !isAtFieldEnd { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func quotedField() throws(CSVError) -> String {
        let firstLine = line
        var content: [UInt8] = []
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                    return String(decoding: content, as: UTF8.self)
                }
                position += 1
            }
            if byte == UInt8(ascii: "\n") { line += 1 }
            content.append(byte)
        }
        throw CSVError(line: firstLine, problem: "a quoted field has no closing quote")
    }

    private var isAtFieldEnd: Bool {
        switch bytes[position] {
        case UInt8(ascii: ","), UInt8(ascii: "\n"): true
        case UInt8(ascii: "\r"): position + 1 == bytes.count || bytes[position + 1] == UInt8(ascii: "\n")
        default: false
        }
    }

    private mutating func skipLineBreak() -> Bool {
        guard position < bytes.count else { return false }
        if bytes[position] == UInt8(ascii: "\r"),
            position + 1 == bytes.count || bytes[position + 1] == UInt8(ascii: "\n")
        {
            position += 1
            if position == bytes.count { return true }
        }
        guard bytes[position] == UInt8(ascii: "\n") else { return false }
        position += 1
        line += 1
        return true
    }
}

/// The reason why a CSV file cannot be replayed, with the position and the allowed values.
struct CSVError: Error, Hashable, Sendable {
    /// The line, counted from 1; `nil` for a problem of the file as a whole.
    var line: Int?
    /// The column's name; `nil` when the problem does not concern a single column.
    var column: String?
    var problem: String
}
