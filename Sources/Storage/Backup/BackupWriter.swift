import Foundation
import GRDB
import Telemetry

/// Writes the lines of a backup within transactions; a value, so that one that is rolled back leaves it as it was.
struct BackupWriter {
    /// A parsed line with its number in the file.
    struct Line {
        var number: Int
        var value: JSONValue
    }

    /// What becomes of the messages of a room that came, up to the room's last offset in the backup.
    private enum Room {
        /// They are taken, unless they are there.
        case isTaken(through: Int64)
        /// The first one tells: if it is there, the room was taken from this backup before, and perhaps not all of it.
        case isCompared(through: Int64)
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
    /// Values of this import have later numbers: those before were there.
    private let firstSequence: Int64
    private var rooms: [String: Room] = [:]
    /// Where equal values stand side by side in a backup.
    private var instant: Instant?
    /// Of the values of that instant that came: how many equal ones there are for which none has come yet.
    private var known: [Double: Int] = [:]

    /// - Parameter oldest: The time before which readings are left out.
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
    /// - Throws: ``BackupImport/Mistake`` for a line that is none of a backup, or that the database refuses.
    mutating func write(_ lines: ArraySlice<Line>, in transaction: StorageTransaction) throws {
        // Since the transaction before, the gateway's retention may have removed series.
        readings.forgetSeries()
        var users: Set<String> = []
        for line in lines {
            do {
                try write(line, &users, transaction)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                throw mistake(line, "the database refuses it: \(error.message ?? "\(error.resultCode)")")
            }
        }
        for user in users { try transaction.sortNotifications(of: user) }
    }

    private func mistake(_ line: Line, _ problem: String) -> BackupImport.Mistake {
        BackupImport.Mistake(line: line.number, problem: problem)
    }

    /// Names a field whose value cannot be taken: table, field, value and what is allowed.
    private func refusal(_ line: Line, _ field: String, _ allowed: String) -> BackupImport.Mistake {
        var bytes: [UInt8] = []
        (line.value[field] ?? .null).append(to: &bytes)
        let value = String(decoding: bytes.prefix(80), as: UTF8.self) + (bytes.count > 80 ? "…" : "")
        let table = line.value["table"]?.stringValue ?? ""
        return mistake(line, "\(table): \"\(field)\" is \(value); allowed: \(allowed)")
    }

    /// Checks the fields of a line that has a form of its own; those that are missing are the form's to tell.
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
                throw mistake(line, "there is no table \"\(name ?? "")\"")
            }
            var row: [String: DatabaseValue] = [:]
            let fields = BackupField.fields(of: table)
            for (column, type) in columns[table] ?? [] {
                guard let cell = line.value[column] else { continue }
                guard let value = BackupLine.value(cell, type: type) else {
                    throw refusal(line, column, fields[column]?.allowed ?? "a value of the type \(type)")
                }
                if let field = fields[column], !field.accepts(value) { throw refusal(line, column, field.allowed) }
                row[column] = value
            }
            guard !row.isEmpty else { throw mistake(line, "it has none of the columns of \(table.rawValue)") }
            if table == .alert, !close(&row) { return count(false) }
            if table == .notification, try transaction.placeNotification(&row), let user = row["user"]?.text {
                users.insert(user)
            }
            count(try transaction.insert(row, into: table))
        }
    }

    /// An alert that was going on elsewhere is over here: whether its condition still holds is for this gateway's own
    /// rules to say, and a gateway that serves would not know of it.
    ///
    /// - Returns: false for one that never fired, of which nothing is kept.
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
        else { throw mistake(line, "a reading has device, room_id, metric, time and value") }
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

    /// How many equal values there were before this import.
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

    /// The room has its last offset before its messages come: what people say in it meanwhile comes after them.
    private mutating func writeRoom(_ line: Line, _ transaction: StorageTransaction) throws {
        try check(line, BackupField.roomLine)
        guard let name = line.value["name"]?.stringValue,
            let last = line.value["last_offset"]?.stringValue.flatMap({ Int64($0) })
        else { throw mistake(line, "a room has name and last_offset") }
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
        else { throw mistake(line, "a message has room, offset, message_id, type, payload, created_at") }
        if case .isCompared(let last) = rooms[room] {
            let known = try transaction.snapshot.messages(in: room, after: offset - 1, limit: 1).first
            rooms[room] = known?.offset == offset && known?.messageID == id ? .isTaken(through: last) : .keepsItsOwn
        }
        guard let state = rooms[room] else { throw mistake(line, "the line of the room \"\(room)\" is missing") }
        guard case .isTaken(let last) = state else {
            totals.skipped += 1
            return
        }
        guard offset <= last else { throw mistake(line, "its offset is beyond the room's last one, \(last)") }
        try transaction.run(
            """
            INSERT INTO message (room_id, offset, message_id, type, payload, created_at)
            SELECT id, ?2, ?3, ?4, ?5, ?6 FROM room WHERE name = ?1 ON CONFLICT (room_id, offset) DO NOTHING
            """, [room, offset, id, type, Data(payload.utf8), created])
        count(transaction.database.changesCount > 0)
    }
}
