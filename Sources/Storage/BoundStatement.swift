import GRDB
import GRDBSQLite

/// A cached statement that is bound and stepped directly: for the few places where rows count in millions, and where
/// GRDB's values between would cost several times what SQLite itself takes.
///
/// Use it within the transaction or snapshot that made it.
struct BoundStatement {
    private let statement: Statement
    private let database: GRDB.Database

    init(_ sql: String, in database: GRDB.Database) throws {
        statement = try database.cachedStatement(sql: sql)
        self.database = database
        reset()
    }

    /// Binds the parameter of that number, from 1.
    func bind(_ index: Int32, _ value: Int64) {
        sqlite3_bind_int64(statement.sqliteStatement, index, value)
    }

    func bind(_ index: Int32, _ value: Double) {
        sqlite3_bind_double(statement.sqliteStatement, index, value)
    }

    /// Goes to the next row; false when there is none.
    func step() throws -> Bool {
        let code = sqlite3_step(statement.sqliteStatement)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        let message = database.sqliteConnection.map { String(cString: sqlite3_errmsg($0)) }
        reset()
        throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
    }

    /// Executes a statement without rows, and makes it ready for the next.
    func execute() throws {
        _ = try step()
        reset()
    }

    /// Makes it ready for other values.
    func reset() {
        sqlite3_reset(statement.sqliteStatement)
    }

    /// The current row's column, from 0.
    func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(statement.sqliteStatement, column)
    }

    func real(_ column: Int32) -> Double {
        sqlite3_column_double(statement.sqliteStatement, column)
    }
}
