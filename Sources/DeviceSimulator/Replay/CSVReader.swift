import Core

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

    /// The path as the user gave it; appears in errors.
    private let path: String
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1

    init(path: String, _ bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// Returns the next record, or `nil` at the end. Throws when quotes are misplaced.
    mutating func next() throws(ConfigurationError) -> Record? {
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
                throw error("text after a closing quote; expected ',' or the end of the line", line: line)
            }
            return record
        }
    }

    /// Returns the error about a problem of this file, of one of its lines, or of a column in that line.
    func error(_ problem: String, line: Int? = nil, column: String? = nil) -> ConfigurationError {
        ConfigurationError(origin: path, line: line, key: column, problem: problem)
    }

    private mutating func field() throws(ConfigurationError) -> String {
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try quotedField() }
        let start = position
        while position < bytes.count, !isAtFieldEnd { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func quotedField() throws(ConfigurationError) -> String {
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
        throw error("a quoted field has no closing quote", line: firstLine)
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
