package import Core

/// An import of a backup's lines, in transactions of 1,000 lines so that a running gateway can write in between.
///
///     lines ──▶ one export or several, each with its head and its end ──▶ BackupWriter, 1,000 lines a transaction
///
/// Existing data is not changed: readings with the same series, time and value; notifications, alerts and dead letters
/// with the same identity; rooms that have a history of their own. The same backup can therefore be imported
/// repeatedly.
package struct BackupImport {
    /// The position of the current line relative to an export.
    private enum Section {
        /// Before the first export, or after the end of one.
        case outside
        /// Within an export of which `values` values of readings and `rows` other rows were read.
        case inside(values: Int, rows: Int)
    }

    /// The number of lines per transaction.
    private static let batchSize = 1000

    private let database: Database
    private var writer: BackupWriter
    private var section = Section.outside
    private var exportCount = 0
    private var waiting: [BackupWriter.Line] = []
    private var lineCount = 0

    /// The totals so far.
    package var totals: BackupTotals { writer.totals }

    /// Creates an import into `database`, which a gateway may be using.
    ///
    /// - Parameter oldest: Readings before this time are skipped, because retention would delete them again.
    package init(
        into database: Database, at now: Timestamp, oldest: Timestamp = Timestamp(nanosecondsSinceEpoch: .min)
    ) throws {
        self.database = database
        writer = try database.write { try BackupWriter(in: $0, at: now, oldest: oldest) }
    }

    /// Imports one line, passed without its line break. Empty lines are skipped.
    ///
    /// - Throws: ``StorageError/invalidLine(_:problem:)``, or the error of the database. Earlier lines stay imported.
    package mutating func take(_ line: some Collection<UInt8>) throws {
        lineCount += 1
        if line.isEmpty { return }
        do {
            try note(line)
        } catch {
            try flush()
            throw error
        }
        if waiting.count >= Self.batchSize { try flush() }
    }

    /// Writes the remaining lines.
    ///
    /// - Throws: ``StorageError/invalidLine(_:problem:)`` if there was no export, or if the last one is incomplete. The
    ///   lines of an incomplete export stay imported.
    package mutating func finish() throws {
        try flush()
        if case .inside(let values, let rows) = section {
            throw mistake(
                "the export was cut off: it ends after \(values) values and \(rows) other rows, without its end line")
        }
        guard exportCount > 0 else { throw mistake("this is not a Windsock export") }
    }

    private mutating func note(_ line: some Collection<UInt8>) throws(StorageError) {
        let value: JSONValue
        do {
            value = try JSONParser.parse(Array(line))
        } catch {
            throw mistake("invalid JSON: \(error)")
        }
        if let version = value["windsock_export"] {
            guard version.integerValue == 1 else { throw mistake("the export is from a newer version of Windsock") }
            if case .inside = section { throw mistake("an export begins before the previous one ends") }
            section = .inside(values: 0, rows: 0)
            exportCount += 1
            return
        }
        guard case .inside(let values, let rows) = section else {
            throw mistake(
                exportCount == 0 ? "this is not a Windsock export" : "unexpected line after the export's end")
        }
        if value["windsock_export_end"] != nil {
            section = .outside
            guard value["values"]?.integerValue == Int64(values), value["rows"]?.integerValue == Int64(rows) else {
                throw mistake("lines are missing: the export ends after \(values) values and \(rows) other rows")
            }
            return
        }
        section =
            value["table"]?.stringValue == "reading"
            ? .inside(values: values + 1, rows: rows) : .inside(values: values, rows: rows + 1)
        waiting.append(BackupWriter.Line(number: lineCount, value: value))
    }

    private func mistake(_ problem: String) -> StorageError { .invalidLine(lineCount, problem: problem) }

    private mutating func flush() throws {
        let lines = waiting
        waiting = []
        do {
            try write(lines[...])
        } catch let error as StorageError {
            // The transaction was rolled back; the lines before an invalid one are valid.
            if case .invalidLine(let number, _) = error { try write(lines.prefix { $0.number < number }) }
            throw error
        }
    }

    private mutating func write(_ lines: ArraySlice<BackupWriter.Line>) throws {
        guard !lines.isEmpty else { return }
        var writer = writer
        try database.write { try writer.write(lines, in: $0) }
        self.writer = writer
    }
}
