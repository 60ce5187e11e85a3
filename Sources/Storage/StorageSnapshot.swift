import GRDB

/// Reads of one snapshot; handed to a closure and not usable after it.
///
/// What it can do stands in extensions, one for each kind of thing that is stored.
package struct StorageSnapshot {
    let database: GRDB.Database

    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
        try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments)
    }

    /// The first rows, up to and including the one with which the sizes of their payloads reach `maxBytes`.
    func rows(
        _ sql: String, _ arguments: StatementArguments, maxBytes: Int, payloadAt index: Int
    ) throws -> [Row] {
        let cursor = try Row.fetchCursor(database.cachedStatement(sql: sql), arguments: arguments)
        var rows: [Row] = []
        var byteCount = 0
        while byteCount < maxBytes, let row = try cursor.next() {
            byteCount += try row.withUnsafeData(atIndex: index) { $0?.count ?? 0 }
            rows.append(row.copy())
        }
        return rows
    }

    func row(_ sql: String, _ arguments: StatementArguments = []) throws -> Row? {
        try Row.fetchOne(database.cachedStatement(sql: sql), arguments: arguments)
    }
}
