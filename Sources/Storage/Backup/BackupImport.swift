package import Telemetry

/// Takes a backup's lines into a database, some hundreds in a transaction, so that a gateway that serves meanwhile gets
/// its turn.
///
///     lines ──▶ one export or several, each with its head and its end ──▶ BackupWriter, 1,000 lines a transaction
///
/// What is there already stays as it is: readings of the same series, time and value, notifications, alerts and dead
/// letters of the same identity, and rooms that have a history of their own. So the same backup can be imported again.
package struct BackupImport {
    /// A line that is none of a backup; names it.
    package struct Mistake: Error, CustomStringConvertible {
        package let line: Int
        package let problem: String

        package var description: String { "line \(line): \(problem)" }
    }

    /// Where the lines are in an export.
    private enum Section {
        /// Before the first, or after the end of one.
        case outside
        /// Within one that has had so many lines of readings and of everything else.
        case inside(values: Int, rows: Int)
    }

    /// Lines in one transaction.
    private static let batchSize = 1000

    private let database: Database
    private var writer: BackupWriter
    private var section = Section.outside
    private var exportCount = 0
    private var waiting: [BackupWriter.Line] = []
    private var lineCount = 0

    /// What was taken.
    package var totals: BackupTotals { writer.totals }

    /// An import into `database`, which may be in use by a gateway.
    ///
    /// - Parameter oldest: The time before which readings are left out: retention would remove them again.
    package init(
        into database: Database, at now: Timestamp, oldest: Timestamp = Timestamp(nanosecondsSinceEpoch: .min)
    ) throws {
        self.database = database
        writer = try database.write { try BackupWriter(in: $0, at: now, oldest: oldest) }
    }

    /// Takes one line, without its line break. Empty ones are passed over.
    ///
    /// - Throws: ``Mistake``; what makes the database fail. The lines before it stay.
    package mutating func take(_ line: some Collection<UInt8>) throws {
        lineCount += 1
        if line.isEmpty { return }
        do {
            try note(line)
        } catch let mistake as Mistake {
            try flush()
            throw mistake
        }
        if waiting.count >= Self.batchSize { try flush() }
    }

    /// Writes what waits.
    ///
    /// - Throws: ``Mistake`` when there was none, or one that was cut off; what was there of it stays.
    package mutating func finish() throws {
        try flush()
        if case .inside(let values, let rows) = section {
            throw Mistake(
                line: lineCount,
                problem: "the export ends after \(values) values and \(rows) other rows, without its last line: it "
                    + "was cut off")
        }
        guard exportCount > 0 else { throw Mistake(line: lineCount, problem: "this is not an export of Windsock") }
    }

    private mutating func note(_ line: some Collection<UInt8>) throws {
        let value: JSONValue
        do {
            value = try JSONParser.parse(Array(line))
        } catch {
            throw mistake("it is not JSON: \(error)")
        }
        if let version = value["windsock_export"] {
            guard version.integerValue == 1 else { throw mistake("the export is of a newer version of Windsock") }
            if case .inside = section { throw mistake("another export begins before the end of the one before") }
            section = .inside(values: 0, rows: 0)
            exportCount += 1
            return
        }
        guard case .inside(let values, let rows) = section else {
            throw mistake(
                exportCount == 0 ? "this is not an export of Windsock" : "there is something after the export's end")
        }
        if value["windsock_export_end"] != nil {
            section = .outside
            guard value["values"]?.integerValue == Int64(values), value["rows"]?.integerValue == Int64(rows) else {
                throw mistake("lines are missing: \(values) values and \(rows) other rows came before its end")
            }
            return
        }
        section =
            value["table"]?.stringValue == "reading"
            ? .inside(values: values + 1, rows: rows) : .inside(values: values, rows: rows + 1)
        waiting.append(BackupWriter.Line(number: lineCount, value: value))
    }

    private func mistake(_ problem: String) -> Mistake { Mistake(line: lineCount, problem: problem) }

    private mutating func flush() throws {
        let lines = waiting
        waiting = []
        do {
            try write(lines[...])
        } catch let mistake as Mistake {
            // The transaction has left nothing; the lines before the mistake have none.
            try write(lines.prefix { $0.number < mistake.line })
            throw mistake
        }
    }

    private mutating func write(_ lines: ArraySlice<BackupWriter.Line>) throws {
        guard !lines.isEmpty else { return }
        var writer = writer
        try database.write { try writer.write(lines, in: $0) }
        self.writer = writer
    }
}
