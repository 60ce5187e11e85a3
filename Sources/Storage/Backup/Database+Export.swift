package import Core
import Foundation
import GRDB

extension Database {
    /// Writes all data as NDJSON, each line with its line break: a header, rooms with their messages, tables, readings
    /// by series, and a trailer with the totals, by which an incomplete export is recognised.
    ///
    /// Safe while a gateway is writing. Each page is read from a snapshot of its own, so nobody has to wait. Data
    /// stored meanwhile may or may not be included.
    ///
    /// - Parameter write: A function that writes the bytes of a few lines. Called until everything is written.
    package func export(
        readingsIn range: Range<Timestamp>, at now: Timestamp, to write: ([UInt8]) throws -> Void
    ) throws -> BackupTotals {
        var totals = BackupTotals()
        var head = JSONObjectBuilder()
        head.add("windsock_export", 1)
        head.add("epoch", epoch)
        head.add("created_at", time: now)
        try write(head.finished() + [UInt8(ascii: "\n")])
        try exportRooms(&totals, write)
        for table in BackupTable.allCases { try exportTable(table, &totals, write) }
        try exportReadings(range, &totals, write)
        var end = JSONObjectBuilder()
        end.add("windsock_export_end", 1)
        end.add("values", totals.values)
        end.add("rows", totals.rows)
        try write(end.finished() + [UInt8(ascii: "\n")])
        return totals
    }

    /// The number of readings' values per page.
    private static let valuesPerPage = 4096
    /// The number of other rows per page. Each may take some kilobytes.
    private static let rowsPerPage = 1000

    private func exportRooms(_ totals: inout BackupTotals, _ write: ([UInt8]) throws -> Void) throws {
        var id: Int64 = 0
        while true {
            let rooms = try read { [id] in
                try $0.rows(
                    "SELECT id, name, last_offset FROM room WHERE id > ? ORDER BY id LIMIT ?", [id, Self.rowsPerPage])
            }
            guard let last = rooms.last else { return }
            for room in rooms {
                try write(BackupLine.bytes("room", room))
                totals.rows += 1
                try exportMessages(of: room, &totals, write)
            }
            id = last[0]
        }
    }

    /// Writes the messages up to the room's last offset at the time the room was read. Later messages are left out.
    private func exportMessages(
        of room: Row, _ totals: inout BackupTotals, _ write: ([UInt8]) throws -> Void
    ) throws {
        let id: Int64 = room["id"]
        // The name is compared too, because the id of a room removed meanwhile may have been reused.
        let name: String = room["name"]
        let end: Int64 = room["last_offset"]
        var offset: Int64 = 0
        while offset < end {
            let rows = try read { [offset] in
                try $0.rows(
                    """
                    SELECT room.name AS room, offset, message_id, type, payload, message.created_at FROM message
                    JOIN room ON room.id = room_id WHERE room_id = ? AND name = ? AND offset > ? AND offset <= ?
                    ORDER BY offset LIMIT ?
                    """, [id, name, offset, end, Self.rowsPerPage])
            }
            guard let last = rows.last else { return }
            try write(rows.flatMap { BackupLine.bytes("message", $0) })
            totals.rows += rows.count
            offset = last["offset"]
        }
    }

    private func exportTable(
        _ table: BackupTable, _ totals: inout BackupTotals, _ write: ([UInt8]) throws -> Void
    ) throws {
        let key = table.key.joined(separator: ", ")
        let placeholders = table.key.map { _ in "?" }.joined(separator: ", ")
        var position: [DatabaseValue]?
        while true {
            let rows = try read { [position] in
                try $0.rows(
                    """
                    SELECT * FROM \(table.rawValue) \(position == nil ? "" : "WHERE (\(key)) > (\(placeholders))")
                    ORDER BY \(key) LIMIT \(Self.rowsPerPage)
                    """, StatementArguments(position ?? []))
            }
            guard let last = rows.last else { return }
            try write(rows.flatMap { BackupLine.bytes(table.rawValue, $0) })
            totals.rows += rows.count
            position = table.key.map { last[$0] }
        }
    }

    private func exportReadings(
        _ range: Range<Timestamp>, _ totals: inout BackupTotals, _ write: ([UInt8]) throws -> Void
    ) throws {
        var id: Int64 = 0
        while true {
            let all = try read { [id] in try $0.series(after: id, limit: Self.rowsPerPage) }
            guard let end = all.last else { return }
            id = end.id
            for series in all {
                var last: StoredValue?
                while true {
                    let page = try read { [last] in
                        try $0.values(of: [series.id], in: range, after: last, limit: Self.valuesPerPage)
                    }
                    guard let end = page.last else { break }
                    try write(BackupLine.bytes(series, page))
                    totals.values += page.count
                    last = end
                }
            }
        }
    }
}

/// The contents of an export, or the results of an import.
package struct BackupTotals: Sendable, Equatable {
    /// Values of readings.
    package var values = 0
    /// Rows of all other tables.
    package var rows = 0
    /// Lines that were not imported: their data already exists, their room keeps its own history, or their alert never
    /// fired.
    package var skipped = 0
    /// Values older than the retention period.
    package var outdated = 0

    package init() {}
}
