import Foundation
import GRDB
package import Telemetry

/// What a backup holds, or an import took.
package struct BackupTotals: Sendable, Equatable {
    /// Values of readings.
    package var values = 0
    /// Rows of everything else.
    package var rows = 0
    /// Lines that were there before, or whose room has a history of its own.
    package var skipped = 0

    package init() {}
}

extension Database {
    /// Writes everything as lines of JSON (NDJSON), each with its line break: first what the export is, then rooms'
    /// messages, tables, and readings series by series.
    ///
    /// Safe while a gateway writes: each part is read from snapshots of its own, page by page, so that nobody waits, and
    /// what is stored meanwhile may be in it or not.
    ///
    /// - Parameter write: Takes some lines at a time.
    package func export(
        readingsIn range: Range<Timestamp>, at now: Timestamp, to write: ([UInt8]) throws -> Void
    ) throws -> BackupTotals {
        var totals = BackupTotals()
        var head = JSONObjectBuilder()
        head.add("windsock_export", 1)
        head.add("epoch", epoch)
        head.add("created_at", time: now)
        try write(head.finished() + [UInt8(ascii: "\n")])
        try exportMessages(&totals, write)
        for table in BackupTable.allCases { try exportTable(table, &totals, write) }
        try exportReadings(range, &totals, write)
        return totals
    }

    private static let pageSize = 4096

    private func exportMessages(_ totals: inout BackupTotals, _ write: ([UInt8]) throws -> Void) throws {
        var position: (room: Int64, offset: Int64) = (0, 0)
        while true {
            let (room, offset) = position
            let rows = try read { snapshot in
                try snapshot.rows(
                    """
                    SELECT room.id, name AS room, offset, message_id, type, payload, created_at FROM message
                    JOIN room ON room.id = room_id WHERE (room_id, offset) > (?, ?) ORDER BY room_id, offset LIMIT ?
                    """, [room, offset, Self.pageSize])
            }
            guard let last = rows.last else { return }
            try write(rows.flatMap { BackupLine.bytes("message", $0) })
            totals.rows += rows.count
            position = (last[0], last["offset"])
        }
    }

    private func exportTable(
        _ table: BackupTable, _ totals: inout BackupTotals, _ write: ([UInt8]) throws -> Void
    ) throws {
        // Small by their limits, and without a common key to page by.
        let rows = try read { try $0.rows("SELECT * FROM \(table.rawValue)") }
        for part in stride(from: 0, to: rows.count, by: Self.pageSize) {
            try write(
                rows[part..<min(part + Self.pageSize, rows.count)].flatMap { BackupLine.bytes(table.rawValue, $0) })
        }
        totals.rows += rows.count
    }

    private func exportReadings(
        _ range: Range<Timestamp>, _ totals: inout BackupTotals, _ write: ([UInt8]) throws -> Void
    ) throws {
        var id: Int64 = 0
        while true {
            let position = id
            let all = try read { try $0.series(after: position, limit: Self.pageSize) }
            guard let end = all.last else { return }
            id = end.id
            for series in all {
                var last: StoredValue?
                while true {
                    let position = last
                    let page = try read {
                        try $0.values(of: [series.id], in: range, after: position, limit: Self.pageSize)
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
