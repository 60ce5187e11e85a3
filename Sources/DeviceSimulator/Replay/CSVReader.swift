/// Reads comma-separated values record by record (RFC 4180).
///
/// Fields may be quoted and then hold commas, line breaks and doubled quotes. Lines end with CR LF or LF; empty lines
/// between records are passed over, and so is a byte order mark. Bytes that are not UTF-8 become U+FFFD.
struct CSVReader {
    struct Record: Hashable {
        var fields: [String]
        /// The line of the file that the record begins in, counted from 1.
        var line: Int
    }

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The next record, or `nil` at the end; throws when quotes are not where the format has them.
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
                    line: line, problem: "text follows a closing quote; a quoted field ends at ',' or the line's end")
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
