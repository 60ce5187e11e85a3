import GRDB

/// Read access to one snapshot. Passed to a closure and invalid afterwards.
///
/// The queries are in extensions, one for each kind of stored value.
package struct StorageSnapshot {
    let database: GRDB.Database

    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
        try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments)
    }

    /// Returns the first rows, up to and including the one at which the total size of the payloads reaches `maxBytes`.
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

    // MARK: Size

    /// Returns the bytes of the file in use, without free pages.
    package func usedByteCount() throws -> Int64 {
        let pages: Int64 = try row("PRAGMA page_count")?[0] ?? 0
        let free: Int64 = try row("PRAGMA freelist_count")?[0] ?? 0
        let size: Int64 = try row("PRAGMA page_size")?[0] ?? 0
        return (pages - free) * size
    }

    /// Returns the names of all tables and indices except `reading`. Empty if SQLite was built without `dbstat`, the
    /// table of their sizes (`SQLITE_ENABLE_DBSTAT_VTAB`).
    package func namesBesideReadings() throws -> [String] {
        guard try row("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'") != nil else { return [] }
        return try rows("SELECT name FROM sqlite_schema WHERE rootpage > 0 AND name <> 'reading'").map { $0[0] }
    }

    /// Returns the bytes used by a table or an index. SQLite reads all of its pages, which is slow for a large one.
    package func byteCount(of name: String) throws -> Int64 {
        try row("SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = TRUE", [name])?[0] ?? 0
    }
}

/// Typed access to columns that throws on a value of another type. GRDB's subscripts trap instead.
///
/// SQLite stores any value in any column. A database that was damaged or written by another program may contain a text
/// or a fraction in an integer column.
extension Row {
    /// Returns the value of a column.
    ///
    /// - Throws: `SQLITE_MISMATCH` when it is null or of another type. This fails only the query that needs the value.
    func value<Value: DatabaseValueConvertible>(_ index: Int, as type: Value.Type = Value.self) throws -> Value {
        guard let value: Value = try optional(index) else { throw mismatch(index, expected: "\(Value.self)") }
        return value
    }

    /// Returns the value of a column, or `nil` when it is null.
    ///
    /// - Throws: `SQLITE_MISMATCH` when it is of another type.
    func optional<Value: DatabaseValueConvertible>(_ index: Int, as type: Value.Type = Value.self) throws -> Value? {
        let stored: DatabaseValue = self[index]
        if stored.isNull { return nil }
        guard let value = Value.fromDatabaseValue(stored) else { throw mismatch(index, expected: "\(Value.self)") }
        return value
    }

    private func mismatch(_ index: Int, expected: String) -> DatabaseError {
        let names = Array(columnNames)
        let column = names.indices.contains(index) ? names[index] : "\(index)"
        return DatabaseError(
            resultCode: .SQLITE_MISMATCH, message: "the column \(column) has an invalid value; expected \(expected)")
    }
}
