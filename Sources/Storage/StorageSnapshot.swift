import GRDB

/// Reads of one snapshot; handed to a closure and not usable after it.
///
/// What it can do stands in extensions, one for each kind of thing that is stored.
package struct StorageSnapshot {
    let database: GRDB.Database

    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
        try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments)
    }

    func row(_ sql: String, _ arguments: StatementArguments = []) throws -> Row? {
        try Row.fetchOne(database.cachedStatement(sql: sql), arguments: arguments)
    }
}
