import GRDB
import GRDBSQLite

/// A cached SQLite statement, bound and stepped without GRDB's row values. Used in the few places that handle millions
/// of rows, where GRDB's conversions would cost several times as much as SQLite itself.
///
/// Use it only within the transaction or snapshot that created it.
struct BoundStatement {
    private let statement: Statement
    private let database: GRDB.Database

    init(_ sql: String, in database: GRDB.Database) throws {
        statement = try database.cachedStatement(sql: sql)
        self.database = database
        reset()
    }

    /// Binds a value to the parameter with that number, counted from 1.
    func bind(_ index: Int32, _ value: Int64) {
        sqlite3_bind_int64(statement.sqliteStatement, index, value)
    }

    func bind(_ index: Int32, _ value: Double) {
        sqlite3_bind_double(statement.sqliteStatement, index, value)
    }

    /// Advances to the next row. Returns false when there is none.
    func step() throws -> Bool {
        let code = sqlite3_step(statement.sqliteStatement)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        let message = database.sqliteConnection.map { String(cString: sqlite3_errmsg($0)) }
        reset()
        throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
    }

    /// Executes a statement that returns no rows, and resets it.
    func execute() throws {
        _ = try step()
        reset()
    }

    /// Resets the statement so that new values can be bound.
    func reset() {
        sqlite3_reset(statement.sqliteStatement)
    }

    /// Returns the integer in a column of the current row, counted from 0.
    func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(statement.sqliteStatement, column)
    }

    func real(_ column: Int32) -> Double {
        sqlite3_column_double(statement.sqliteStatement, column)
    }
}
