package import Core
import Foundation

/// The replayed columns of a CSV file, in memory. Copies share their storage, so a fleet holds the table only once.
package struct ReplayTable: Sendable {
    /// The maximum file size, in bytes (64 MiB). A table of numbers takes about as much memory as its file.
    package static let maximumFileByteCount = 64 << 20

    /// The number of rows; at least one.
    package let rowCount: Int
    /// One time per row; empty when the table has no time column.
    package let times: [Timestamp]
    /// The values of each column by name, one per row; NaN where the field is empty.
    private let columns: [String: [Double]]

    /// Reads the named columns of a file and ignores all others.
    ///
    /// - Throws: ``ConfigurationError`` when the file cannot be read or is too large, when a column is missing, when a
    ///   record and the header differ in their number of fields, or when a field is not a number or time.
    init(
        path: String, columns names: Set<String>, timeColumn: String?, timeFormat: ReplayTimeFormat
    ) throws(ConfigurationError) {
        try self.init(
            CSVReader(path: path, try Self.read(path)), columns: names, timeColumn: timeColumn, timeFormat: timeFormat)
    }

    /// Reads the named columns of a file whose bytes have been read.
    init(
        _ reader: CSVReader, columns names: Set<String>, timeColumn: String?, timeFormat: ReplayTimeFormat
    ) throws(ConfigurationError) {
        var reader = reader
        guard let header = try reader.next() else {
            throw reader.error("the file is empty; its first line must name the columns")
        }
        func index(of name: String) throws(ConfigurationError) -> Int {
            if let index = header.fields.firstIndex(of: name) { return index }
            throw reader.error(
                "unknown column; the file has \(header.fields.joined(separator: ", "))", line: header.line, column: name
            )
        }
        let timeIndex = try timeColumn.map { (name) throws(ConfigurationError) in try index(of: name) }
        var indices: [(name: String, index: Int)] = []
        for name in names.sorted() { indices.append((name, try index(of: name))) }

        var values = [[Double]](repeating: [], count: indices.count)
        var times: [Timestamp] = []
        var rowCount = 0
        while let record = try reader.next() {
            guard record.fields.count == header.fields.count else {
                throw reader.error(
                    "the record has \(record.fields.count) fields; the header has \(header.fields.count)",
                    line: record.line)
            }
            if let timeIndex {
                let text = Self.trimmed(record.fields[timeIndex])
                guard let time = timeFormat.parse(text) else {
                    throw reader.error(
                        "\"\(text.prefix(40))\" is not a valid time; allowed: \(timeFormat.allowed)",
                        line: record.line, column: timeColumn)
                }
                times.append(time)
            }
            for (position, (name, index)) in indices.enumerated() {
                guard let number = Self.number(record.fields[index]) else {
                    throw reader.error(
                        "\"\(record.fields[index].prefix(40))\" is not a valid number; allowed: a number or an empty "
                            + "field", line: record.line, column: name)
                }
                values[position].append(number)
            }
            rowCount += 1
        }
        guard rowCount > 0 else { throw reader.error("the file has a header but no records") }
        self.rowCount = rowCount
        self.times = times
        columns = Dictionary(uniqueKeysWithValues: zip(indices.map(\.name), values))
    }

    /// Returns the value in a row, or `nil` where the field is empty.
    func value(_ column: String, row: Int) -> Double? {
        guard let value = columns[column]?[row], !value.isNaN else { return nil }
        return value
    }

    private static func read(_ path: String) throws(ConfigurationError) -> [UInt8] {
        guard let file = try? FileHandle(forReadingFrom: URL(filePath: path)),
            let data = try? file.read(upToCount: maximumFileByteCount + 1) ?? Data()
        else {
            throw ConfigurationError(origin: path, problem: "the file cannot be read; it must exist and be readable")
        }
        try? file.close()
        guard data.count <= maximumFileByteCount else {
            throw ConfigurationError(
                origin: path, problem: "the file is too large; allowed: at most \(maximumFileByteCount >> 20) MiB")
        }
        return [UInt8](data)
    }

    /// Returns NaN for an empty field, and `nil` for one that is not a number.
    private static func number(_ field: String) -> Double? {
        let text = trimmed(field)
        if text.isEmpty { return .nan }
        return Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    /// Removes leading and trailing spaces, which many programs write after a comma.
    private static func trimmed(_ text: String) -> Substring {
        let start = text.drop { $0 == " " }
        guard let last = start.lastIndex(where: { $0 != " " }) else { return "" }
        return start[...last]
    }
}

/// The format of times in a CSV file. The raw values are used in device files.
package enum ReplayTimeFormat: String, CaseIterable, Sendable {
    /// ISO 8601 or Unix time. Numbers below 10^11 are seconds, larger ones milliseconds.
    case auto
    /// A date and time such as `2015-02-02 14:19:00` or `2015-02-02T14:19:00+01:00`; UTC without an offset.
    case iso8601
    /// Unix time in seconds.
    case seconds
    /// Unix time in milliseconds.
    case milliseconds

    /// Parses a time. Returns `nil` when the text does not have this format.
    func parse(_ text: some StringProtocol) -> Timestamp? {
        switch self {
        case .iso8601: return Timestamp(iso8601: text)
        case .seconds: return Double(text).flatMap(Timestamp.init(secondsSinceEpoch:))
        case .milliseconds: return Double(text).flatMap(Timestamp.init(millisecondsSinceEpoch:))
        case .auto:
            if let time = Timestamp(iso8601: text) { return time }
            guard let number = Double(text), number.isFinite else { return nil }
            // As seconds, smaller numbers reach the year 5138; as milliseconds, larger ones begin in March 1973.
            return number.magnitude < 1e11
                ? Timestamp(secondsSinceEpoch: number) : Timestamp(millisecondsSinceEpoch: number)
        }
    }

    /// The allowed formats, for error messages.
    var allowed: String {
        switch self {
        case .auto: "2015-02-02 14:19:00, ISO 8601, or Unix time in seconds or milliseconds"
        case .iso8601: "2015-02-02 14:19:00 or ISO 8601"
        case .seconds: "Unix time in seconds"
        case .milliseconds: "Unix time in milliseconds"
        }
    }
}
