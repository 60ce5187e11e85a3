import Foundation
package import Telemetry

/// The columns of a CSV that a device replays, in memory; copies share it, so that a fleet holds it once.
package struct ReplayTable: Sendable {
    /// Larger files are refused: a table of numbers takes about their size in memory.
    package static let maximumFileByteCount = 64 << 20

    /// How many rows there are; at least one.
    package let rowCount: Int
    /// A time for each row when the table has a time column, else empty.
    package let times: [Timestamp]
    /// A value for each row by column name; NaN where the file's field is empty.
    private let columns: [String: [Double]]

    /// Reads the named columns of a file; all others are passed over.
    ///
    /// Throws ``CSVError`` when the file cannot be read or is too large, a column is missing, a record has another
    /// number of fields than the header, or a field is no number or time.
    init(
        path: String, columns names: Set<String>, timeColumn: String?, timeFormat: ReplayTimeFormat
    ) throws(CSVError) {
        try self.init(
            try Self.read(path), columns: names, timeColumn: timeColumn, timeFormat: timeFormat)
    }

    /// The same of a file's bytes.
    init(
        _ bytes: [UInt8], columns names: Set<String>, timeColumn: String?, timeFormat: ReplayTimeFormat
    ) throws(CSVError) {
        var reader = CSVReader(bytes)
        guard let header = try reader.next() else {
            throw CSVError(problem: "the file is empty; its first line must name the columns")
        }
        let timeIndex = try timeColumn.map { (name) throws(CSVError) in try Self.index(of: name, in: header) }
        var indices: [(name: String, index: Int)] = []
        for name in names.sorted() { indices.append((name, try Self.index(of: name, in: header))) }

        var values = [[Double]](repeating: [], count: indices.count)
        var times: [Timestamp] = []
        var rowCount = 0
        while let record = try reader.next() {
            guard record.fields.count == header.fields.count else {
                throw CSVError(
                    line: record.line,
                    problem: "the record has \(record.fields.count) fields; the header names \(header.fields.count)")
            }
            if let timeIndex {
                let text = Self.trimmed(record.fields[timeIndex])
                guard let time = timeFormat.parse(text) else {
                    throw CSVError(
                        line: record.line, column: timeColumn,
                        problem: "'\(text.prefix(40))' is no time; allowed: \(timeFormat.allowed)")
                }
                times.append(time)
            }
            for (position, (name, index)) in indices.enumerated() {
                values[position].append(try Self.number(record.fields[index], line: record.line, column: name))
            }
            rowCount += 1
        }
        guard rowCount > 0 else { throw CSVError(problem: "the file has a header and no records") }
        self.rowCount = rowCount
        self.times = times
        columns = Dictionary(uniqueKeysWithValues: zip(indices.map(\.name), values))
    }

    /// The value in a row, or `nil` where the file's field is empty.
    func value(_ column: String, row: Int) -> Double? {
        guard let value = columns[column]?[row], !value.isNaN else { return nil }
        return value
    }

    private static func read(_ path: String) throws(CSVError) -> [UInt8] {
        do {
            let file = try FileHandle(forReadingFrom: URL(filePath: path))
            defer { try? file.close() }
            let data = try file.read(upToCount: maximumFileByteCount + 1) ?? Data()
            guard data.count <= maximumFileByteCount else {
                throw CSVError(problem: "the file is larger than \(maximumFileByteCount >> 20) MiB; cut it into parts")
            }
            return [UInt8](data)
        } catch let error as CSVError {
            throw error
        } catch {
            throw CSVError(problem: "the file cannot be read; it must exist beside the device file and be readable")
        }
    }

    private static func index(of name: String, in header: CSVReader.Record) throws(CSVError) -> Int {
        guard let index = header.fields.firstIndex(of: name) else {
            throw CSVError(
                line: header.line, column: name,
                problem: "there is no such column; the file has \(header.fields.joined(separator: ", "))")
        }
        return index
    }

    private static func number(_ text: String, line: Int, column: String) throws(CSVError) -> Double {
        let text = trimmed(text)
        if text.isEmpty { return .nan }
        guard let number = Double(text), number.isFinite else {
            throw CSVError(
                line: line, column: column, problem: "'\(text.prefix(40))' is no number; allowed: a number or nothing")
        }
        return number
    }

    /// Without the blanks that many programs write after a comma.
    private static func trimmed(_ text: String) -> Substring {
        let start = text.drop { $0 == " " }
        guard let last = start.lastIndex(where: { $0 != " " }) else { return "" }
        return start[...last]
    }
}
