import Foundation
import GRDB

/// Rows of a backup on their way into the tables.
extension StorageTransaction {
    /// Adds a row, unless there is one of the same identity; returns whether it did. Columns that are not in `row` have
    /// their default.
    ///
    /// - Throws: `SQLITE_CONSTRAINT` for a row that breaks any other rule.
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

    /// Gives a notification a number of its own, after the user's last one: the backup's may be another one's here.
    ///
    /// - Returns: whether the user's are out of the order of time with it.
    func placeNotification(_ row: inout [String: DatabaseValue]) throws -> Bool {
        guard let user = row["user"] else { return false }
        let last = try snapshot.row(
            "SELECT sequence, created_at FROM notification WHERE user = ? ORDER BY sequence DESC LIMIT 1", [user])
        guard let last else { return false }
        let sequence: Int64 = try last.value(0)
        guard sequence < StoredNotification.maxSequence else {
            throw DatabaseError(resultCode: .SQLITE_CONSTRAINT, message: "the user's notifications have no number left")
        }
        row["sequence"] = (sequence + 1).databaseValue
        return try last.value(1) > row["created_at"].flatMap(Int64.fromDatabaseValue) ?? 0
    }

    /// Numbers a user's notifications anew, in the order in which they were made.
    func sortNotifications(of user: String) throws {
        // Negative first: a number that is still taken cannot be given.
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

extension DatabaseValue {
    /// A text, also one that stands as bytes; `nil` for other values.
    var text: String? {
        switch storage {
        case .string(let text): text
        case .blob(let data): String(validating: data, as: UTF8.self)
        default: nil
        }
    }
}
