import GRDB

/// How much the file holds.
extension StorageSnapshot {
    /// Bytes that the database's content takes: of its file, without the pages that are free to be used again.
    package func usedByteCount() throws -> Int64 {
        let pages: Int64 = try row("PRAGMA page_count")?[0] ?? 0
        let free: Int64 = try row("PRAGMA freelist_count")?[0] ?? 0
        let size: Int64 = try row("PRAGMA page_size")?[0] ?? 0
        return (pages - free) * size
    }

    /// Everything but the readings that takes room in the file: tables and indices by name. None where this SQLite was
    /// built without the table that tells their sizes (`SQLITE_ENABLE_DBSTAT_VTAB`).
    package func namesBesideReadings() throws -> [String] {
        guard try row("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'") != nil else { return [] }
        return try rows("SELECT name FROM sqlite_schema WHERE rootpage > 0 AND name <> 'reading'").map { $0[0] }
    }

    /// Bytes that a table or an index takes. Reads the whole of it.
    package func byteCount(of name: String) throws -> Int64 {
        try row("SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = TRUE", [name])?[0] ?? 0
    }
}
