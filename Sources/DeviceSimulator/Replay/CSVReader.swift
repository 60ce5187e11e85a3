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
    private let path: String
    private var position = 0
    private var line = 1

    /// Creates a reader of a file's bytes. Errors name the file by its path.
    init(_ bytes: [UInt8], path: String) {
        self.bytes = bytes
        self.path = path
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// Returns the next record, or `nil` at the end. Throws when quotes are misplaced.
    mutating func next() throws(ProfileError) -> Record? {
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
                throw ProfileError(
                    csv: path, line: line, "text after a closing quote; expected ',' or the end of the line")
            }
            return record
        }
    }

    private mutating func field() throws(ProfileError) -> String {
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try quotedField() }
        let start = position
        while position < bytes.count, !isAtFieldEnd { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func quotedField() throws(ProfileError) -> String {
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
        throw ProfileError(csv: path, line: firstLine, "a quoted field has no closing quote")
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

extension ProfileError {
    /// Creates the error for a CSV file that cannot be replayed, with the line and column of the problem if it has one.
    init(csv path: String, line: Int? = nil, column: String? = nil, _ message: String) {
        self.init(problems: [ProfileProblem(path: path, line: line, key: column, message: message)])
    }
}
