import GRDB

/// Reading columns so that a value of another type is an error: GRDB's subscripts end the process.
///
/// SQLite keeps what it is given whatever a column's type: a database that was damaged, or written by another program,
/// may hold a text or a fraction where an integer belongs.
extension Row {
    /// The value of a column.
    ///
    /// - Throws: `SQLITE_MISMATCH` when it is null or of another type, which fails what asks for it and nothing else.
    func value<Value: DatabaseValueConvertible>(_ index: Int, as type: Value.Type = Value.self) throws -> Value {
        guard let value: Value = try optional(index) else { throw mismatch(index, expected: "\(Value.self)") }
        return value
    }

    /// The value of a column, or `nil` when it is null.
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
            resultCode: .SQLITE_MISMATCH, message: "the column \(column) does not hold what it should: \(expected)")
    }
}
