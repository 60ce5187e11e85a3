import Foundation
import GRDB
package import Telemetry

/// Takes a backup's lines into a database, some hundreds in a transaction, so that a gateway that serves meanwhile gets
/// its turn.
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

    /// Lines in one transaction.
    private static let batchSize = 1000

    private let database: Database
    private let readings: ReadingStore
    private let columns: [BackupTable: [(name: String, type: String)]]
    private let now: Timestamp
    /// Values of this import have later numbers: those before were there.
    private let firstSequence: Int64
    /// Whether each room that came is new, and takes the backup's messages.
    private var rooms: [String: Bool] = [:]
    private var waiting: [(line: Int, value: JSONValue)] = []
    private var lineCount = 0
    package private(set) var totals = BackupTotals()

    /// An import into `database`, which may be in use by a gateway.
    package init(into database: Database, at now: Timestamp, maxSeries: Int = .max) throws {
        self.database = database
        self.now = now
        readings = ReadingStore(maxSeries: maxSeries)
        firstSequence = try database.write { try $0.next("reading", count: 1) }
        columns = try database.read { snapshot in
            var columns: [BackupTable: [(name: String, type: String)]] = [:]
            for table in BackupTable.allCases {
                columns[table] = try snapshot.rows("SELECT name, type FROM pragma_table_info(?)", [table.rawValue])
                    .map { ($0[0], $0[1]) }.filter { !BackupTable.ownColumns.contains($0.0) }
            }
            return columns
        }
    }

    /// Takes one line, without its line break. Empty ones are passed over.
    ///
    /// - Throws: ``Mistake``; what makes the database fail. Earlier lines stay.
    package mutating func take(_ line: some Collection<UInt8>) throws {
        lineCount += 1
        if line.isEmpty { return }
        let value: JSONValue
        do {
            value = try JSONParser.parse(Array(line))
        } catch {
            throw Mistake(line: lineCount, problem: "it is not JSON: \(error)")
        }
        if let version = value["windsock_export"] {
            guard version.integerValue == 1 else {
                throw Mistake(line: lineCount, problem: "the export is of a newer version of Windsock")
            }
            return
        }
        guard lineCount > 1 || value["table"] != nil else {
            throw Mistake(line: lineCount, problem: "this is not an export of Windsock")
        }
        waiting.append((lineCount, value))
        if waiting.count >= Self.batchSize { try flush() }
    }

    /// Writes what waits.
    package mutating func flush() throws {
        guard !waiting.isEmpty else { return }
        let lines = waiting
        waiting = []
        var added = totals
        var rooms = rooms
        try database.write { transaction in
            for (line, value) in lines { try take(value, line, &added, &rooms, transaction) }
        }
        totals = added
        self.rooms = rooms
    }

    // MARK: Lines

    private func take(
        _ value: JSONValue, _ line: Int, _ totals: inout BackupTotals, _ rooms: inout [String: Bool],
        _ transaction: StorageTransaction
    ) throws {
        switch value["table"]?.stringValue {
        case "reading": try takeReading(value, line, &totals, transaction)
        case "message": try takeMessage(value, line, &totals, &rooms, transaction)
        case let name:
            guard let table = name.flatMap(BackupTable.init(rawValue:)), let columns = columns[table] else {
                throw Mistake(line: line, problem: "there is no table \"\(name ?? "")\"")
            }
            var values: [DatabaseValue] = []
            for (column, type) in columns {
                guard let cell = BackupLine.value(value[column], type: type) else {
                    throw Mistake(line: line, problem: "\"\(column)\" is not what it should be")
                }
                values.append(cell)
            }
            let names = columns.map(\.name).joined(separator: ", ")
            let places = columns.map { _ in "?" }.joined(separator: ", ")
            try transaction.run(
                "INSERT OR IGNORE INTO \(table.rawValue) (\(names)) VALUES (\(places))", StatementArguments(values))
            if transaction.database.changesCount > 0 { totals.rows += 1 } else { totals.skipped += 1 }
        }
    }

    private func takeReading(
        _ value: JSONValue, _ line: Int, _ totals: inout BackupTotals, _ transaction: StorageTransaction
    ) throws {
        guard let device = value["device"]?.stringValue.flatMap({ DeviceID($0) }),
            let room = value["room_id"]?.stringValue, let metric = value["metric"]?.stringValue,
            let time = value["time"]?.stringValue.flatMap({ Timestamp(iso8601: $0) }),
            let number = value["value"]?.numberValue
        else { throw Mistake(line: line, problem: "a reading has device, room_id, metric, time and value") }
        let unit = value["unit"]?.stringValue
        let known = try transaction.snapshot.row(
            """
            SELECT 1 FROM reading WHERE series_id =
            (SELECT id FROM series WHERE device = ? AND room = ? AND metric = ? AND unit = ?)
            AND time = ? AND value = ? AND sequence < ?
            """,
            [
                device.rawValue, room, metric, unit ?? "", time.nanosecondsSinceEpoch, number, firstSequence,
            ])
        guard known == nil else {
            totals.skipped += 1
            return
        }
        let reading = Reading(
            device: device, room: room, metrics: [Metric(name: metric, value: number, unit: unit)], time: time,
            receivedAt: min(time, now))
        totals.values += try readings.append([reading], in: transaction).valueCount
    }

    private func takeMessage(
        _ value: JSONValue, _ line: Int, _ totals: inout BackupTotals, _ rooms: inout [String: Bool],
        _ transaction: StorageTransaction
    ) throws {
        guard let room = value["room"]?.stringValue, let id = value["message_id"]?.stringValue,
            let type = value["type"]?.stringValue, let payload = value["payload"]?.stringValue,
            let offset = value["offset"]?.stringValue.flatMap({ Int64($0) }), offset > 0,
            let created = value["created_at"]?.stringValue.flatMap({ Int64($0) })
        else { throw Mistake(line: line, problem: "a message has room, offset, message_id, type, payload, created_at") }
        let isNew = try rooms[room] ?? !transaction.snapshot.hasRoom(room)
        rooms[room] = isNew
        guard isNew else {
            totals.skipped += 1
            return
        }
        try transaction.run(
            """
            INSERT INTO room (name, last_offset) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET last_offset = max(last_offset, ?2)
            """, [room, offset])
        try transaction.run(
            """
            INSERT OR IGNORE INTO message (room_id, offset, message_id, type, payload, created_at)
            SELECT id, ?2, ?3, ?4, ?5, ?6 FROM room WHERE name = ?1
            """, [room, offset, id, type, Data(payload.utf8), created])
        totals.rows += 1
    }
}
