import Core
import Foundation
import GRDB
import Telemetry

/// A writer of backup lines into a database. It is a value, so that the caller can restore its state when a transaction
/// is rolled back.
struct BackupWriter {
    /// A parsed line with its number in the file.
    struct Line {
        var number: Int
        var value: JSONValue
    }

    /// The decision about importing a room's messages. `through` is the room's last offset in the backup.
    private enum Room {
        /// The room's messages are imported, except those that already exist.
        case isTaken(through: Int64)
        /// The room's first message in the backup decides. If the database has it, this backup was imported before,
        /// perhaps incompletely, and the import continues.
        case isCompared(through: Int64)
        /// The database already has a history of its own for this room. The backup's messages are skipped.
        case keepsItsOwn
    }

    /// One instant of one series.
    private struct Instant: Equatable {
        var device: String
        var room: String
        var metric: String
        var unit: String
        var time: Timestamp
    }

    private(set) var totals = BackupTotals()

    private let readings = ReadingStore(maxSeries: .max)
    private let columns: [BackupTable: [(name: String, type: String)]]
    private let now: Timestamp
    private let oldest: Timestamp
    /// Values of this import have this sequence number or a later one. Smaller ones were stored before.
    private let firstSequence: Int64
    private var rooms: [String: Room] = [:]
    /// The instant of the latest values. Equal values are adjacent in a backup.
    private var instant: Instant?
    /// For each value seen at ``instant``: the number of equal stored values that no line has matched yet.
    private var known: [Double: Int] = [:]

    /// Creates a writer for one import, which begins in `transaction`.
    ///
    /// - Parameter oldest: Readings before this time are skipped.
    init(in transaction: StorageTransaction, at now: Timestamp, oldest: Timestamp) throws {
        self.now = now
        self.oldest = oldest
        firstSequence = try transaction.next("reading", count: 1)
        var columns: [BackupTable: [(name: String, type: String)]] = [:]
        for table in BackupTable.allCases {
            columns[table] = try transaction.snapshot
                .rows("SELECT name, type FROM pragma_table_info(?)", [table.rawValue])
                .map { (try $0.value(0), try $0.value(1)) }.filter { !BackupTable.ownColumns.contains($0.0) }
        }
        self.columns = columns
    }

    /// Writes the lines.
    ///
    /// - Throws: ``StorageError/invalidLine(_:problem:)`` for a line that is invalid or that the database rejects.
    mutating func write(_ lines: ArraySlice<Line>, in transaction: StorageTransaction) throws {
        // The gateway's retention may have removed series since the last transaction.
        readings.forgetSeries()
        var users: Set<String> = []
        for line in lines {
            do {
                try write(line, &users, transaction)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                throw mistake(line, "the database rejected it: \(error.message ?? "\(error.resultCode)")")
            }
        }
        for user in users { try transaction.sortNotifications(of: user) }
    }

    private func mistake(_ line: Line, _ problem: String) -> StorageError {
        .invalidLine(line.number, problem: problem)
    }

    /// Returns the error for a value that is not allowed. It names table, field, value and allowed values.
    private func refusal(_ line: Line, _ field: String, _ allowed: String) -> StorageError {
        var bytes: [UInt8] = []
        (line.value[field] ?? .null).append(to: &bytes)
        let value = String(decoding: bytes.prefix(80), as: UTF8.self) + (bytes.count > 80 ? "…" : "")
        let table = line.value["table"]?.stringValue ?? ""
        return mistake(line, "\(table): \"\(field)\" is \(value); allowed: \(allowed)")
    }

    /// Checks the fields of a line of a reading, room or message. The caller must check for missing fields.
    private func check(_ line: Line, _ fields: [String: BackupField]) throws {
        for (name, field) in fields.sorted(by: { $0.key < $1.key }) {
            guard let cell = line.value[name], !cell.isNull else { continue }
            let type = if case .integer = field { "INTEGER" } else if case .time = field { "INTEGER" } else { "TEXT" }
            guard let value = BackupLine.value(cell, type: type), field.accepts(value) else {
                throw refusal(line, name, field.allowed)
            }
        }
    }

    private mutating func write(_ line: Line, _ users: inout Set<String>, _ transaction: StorageTransaction) throws {
        switch line.value["table"]?.stringValue {
        case "reading": try writeReading(line, transaction)
        case "room": try writeRoom(line, transaction)
        case "message": try writeMessage(line, transaction)
        case let name:
            guard let table = name.flatMap(BackupTable.init(rawValue:)) else {
                throw mistake(line, "unknown table \"\(name ?? "")\"")
            }
            var row: [String: DatabaseValue] = [:]
            let fields = BackupField.fields(of: table)
            for (column, type) in columns[table] ?? [] {
                guard let cell = line.value[column] else { continue }
                guard let value = BackupLine.value(cell, type: type) else {
                    throw refusal(line, column, fields[column]?.allowed ?? "a value of type \(type)")
                }
                if let field = fields[column], !field.accepts(value) { throw refusal(line, column, field.allowed) }
                row[column] = value
            }
            guard !row.isEmpty else { throw mistake(line, "expected at least one column of \(table.rawValue)") }
            if table == .alert, !close(&row) { return count(false) }
            if table == .notification, try transaction.assignSequence(toNotification: &row),
                let user = row["user"]?.text
            {
                users.insert(user)
            }
            count(try transaction.insert(row, into: table))
        }
    }

    /// Resolves an alert that was firing in the backup. The rules of this gateway decide whether the condition still
    /// holds, and a running gateway would not know of the imported alert.
    ///
    /// - Returns: False for an alert that never fired. Such alerts are not imported.
    private func close(_ row: inout [String: DatabaseValue]) -> Bool {
        if row["state"]?.text == "pending" { return false }
        if row["state"]?.text == "firing" {
            row["state"] = "resolved".databaseValue
            row["resolved_at"] = now.nanosecondsSinceEpoch.databaseValue
        }
        return true
    }

    private mutating func count(_ isNew: Bool) {
        if isNew { totals.rows += 1 } else { totals.skipped += 1 }
    }

    // MARK: Readings

    private mutating func writeReading(_ line: Line, _ transaction: StorageTransaction) throws {
        let value = line.value
        try check(line, BackupField.reading)
        guard let device = value["device"]?.stringValue.flatMap({ DeviceID($0) }),
            let room = value["room_id"]?.stringValue, let metric = value["metric"]?.stringValue,
            let time = value["time"]?.stringValue.flatMap({ Timestamp(iso8601: $0) }),
            let number = value["value"]?.numberValue
        else { throw mistake(line, "a reading requires device, room_id, metric, time and value") }
        guard time >= oldest else {
            totals.outdated += 1
            return
        }
        let unit = value["unit"]?.stringValue
        let instant = Instant(device: device.rawValue, room: room, metric: metric, unit: unit ?? "", time: time)
        if instant != self.instant {
            self.instant = instant
            known.removeAll(keepingCapacity: true)
        }
        let left = try known[number] ?? countEqual(number, at: instant, transaction)
        known[number] = max(0, left - 1)
        guard left == 0 else {
            totals.skipped += 1
            return
        }
        let reading = Reading(
            device: device, room: room, metrics: [Metric(name: metric, value: number, unit: unit)], time: time,
            receivedAt: min(time, now))
        totals.values += try readings.append([reading], in: transaction).valueCount
    }

    /// Returns the number of equal values stored before this import.
    private func countEqual(_ value: Double, at instant: Instant, _ transaction: StorageTransaction) throws -> Int {
        try transaction.snapshot.row(
            """
            SELECT count(*) FROM reading WHERE series_id =
            (SELECT id FROM series WHERE device = ? AND room = ? AND metric = ? AND unit = ?)
            AND time = ? AND value = ? AND sequence < ?
            """,
            [
                instant.device, instant.room, instant.metric, instant.unit, instant.time.nanosecondsSinceEpoch, value,
                firstSequence,
            ])?[0] ?? 0
    }

    // MARK: Rooms

    /// Sets the room's last offset before its messages are imported, so that messages sent meanwhile come after them.
    private mutating func writeRoom(_ line: Line, _ transaction: StorageTransaction) throws {
        try check(line, BackupField.roomLine)
        guard let name = line.value["name"]?.stringValue,
            let last = line.value["last_offset"]?.stringValue.flatMap({ Int64($0) })
        else { throw mistake(line, "a room requires name and last_offset") }
        try transaction.run(
            """
            INSERT INTO room (name, last_offset, created_at, used_at)
            VALUES (?1, max(?2, \(Schema.roomBeginning)), ?3, ?3)
            ON CONFLICT (name) DO NOTHING
            """, [name, last, now.nanosecondsSinceEpoch])
        let isNew = transaction.database.changesCount > 0
        count(isNew)
        if isNew {
            rooms[name] = .isTaken(through: last)
        } else if try transaction.snapshot.lastOffset(of: name) < last {
            rooms[name] = .keepsItsOwn
        } else {
            let isEmpty = try transaction.snapshot.messages(in: name, after: 0, limit: 1).isEmpty
            rooms[name] = isEmpty ? .isTaken(through: last) : .isCompared(through: last)
        }
    }

    private mutating func writeMessage(_ line: Line, _ transaction: StorageTransaction) throws {
        let value = line.value
        try check(line, BackupField.message)
        guard let room = value["room"]?.stringValue, let id = value["message_id"]?.stringValue,
            let type = value["type"]?.stringValue, let payload = value["payload"]?.stringValue,
            let offset = value["offset"]?.stringValue.flatMap({ Int64($0) }),
            let created = value["created_at"]?.stringValue.flatMap({ Int64($0) })
        else { throw mistake(line, "a message requires room, offset, message_id, type, payload and created_at") }
        if case .isCompared(let last) = rooms[room] {
            let known = try transaction.snapshot.messages(in: room, after: offset - 1, limit: 1).first
            rooms[room] = known?.offset == offset && known?.messageID == id ? .isTaken(through: last) : .keepsItsOwn
        }
        guard let state = rooms[room] else { throw mistake(line, "the line for the room \"\(room)\" is missing") }
        guard case .isTaken(let last) = state else {
            totals.skipped += 1
            return
        }
        guard offset <= last else {
            throw mistake(line, "message: \"offset\" is \(offset); allowed: at most the room's last offset, \(last)")
        }
        try transaction.run(
            """
            INSERT INTO message (room_id, offset, message_id, type, payload, created_at)
            SELECT id, ?2, ?3, ?4, ?5, ?6 FROM room WHERE name = ?1 ON CONFLICT (room_id, offset) DO NOTHING
            """, [room, offset, id, type, Data(payload.utf8), created])
        count(transaction.database.changesCount > 0)
    }
}

/// Insertion of the rows of a backup.
extension StorageTransaction {
    /// Inserts a row unless one with the same identity exists. Returns true when it was inserted. Columns missing in
    /// `row` get their default.
    ///
    /// - Throws: `SQLITE_CONSTRAINT` for a row that violates any other constraint.
    func insert(_ row: [String: DatabaseValue], into table: BackupTable) throws -> Bool {
        let columns = row.keys.sorted()
        try run(
            """
            INSERT INTO \(table.rawValue) (\(columns.joined(separator: ", ")))
            VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
            ON CONFLICT (\(table.identity.joined(separator: ", "))) DO NOTHING
            """, StatementArguments(columns.map { row[$0] ?? .null }))
        return database.changesCount > 0
    }

    /// Gives a notification the number after the user's last one, because its number in the backup may be taken in this
    /// database.
    ///
    /// - Returns: True when the user's notifications are then no longer in chronological order.
    func assignSequence(toNotification row: inout [String: DatabaseValue]) throws -> Bool {
        guard let user = row["user"] else { return false }
        let last = try snapshot.row(
            "SELECT sequence, created_at FROM notification WHERE user = ? ORDER BY sequence DESC LIMIT 1", [user])
        guard let last else { return false }
        let sequence: Int64 = try last.value(0)
        guard sequence < StoredNotification.maxSequence else {
            throw DatabaseError(
                resultCode: .SQLITE_CONSTRAINT, message: "the notification sequence of the user is exhausted")
        }
        row["sequence"] = (sequence + 1).databaseValue
        return try last.value(1) > row["created_at"].flatMap(Int64.fromDatabaseValue) ?? 0
    }

    /// Renumbers a user's notifications in the order in which they were created.
    func sortNotifications(of user: String) throws {
        // Negative numbers first, because a number that is still taken cannot be assigned.
        try run(
            """
            UPDATE notification SET sequence = -place FROM
            (SELECT sequence AS number, row_number() OVER (ORDER BY created_at, sequence) AS place
             FROM notification WHERE user = ?1)
            WHERE user = ?1 AND sequence = number
            """, [user])
        try run("UPDATE notification SET sequence = -sequence WHERE user = ?", [user])
    }
}
