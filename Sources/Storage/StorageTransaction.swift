import GRDB

/// Writes of one transaction; handed to a closure and not usable after it.
///
/// What it can do stands in extensions, one for each kind of thing that is stored.
package struct StorageTransaction {
    let database: GRDB.Database

    /// What the transaction sees, its own writes included.
    package var snapshot: StorageSnapshot { StorageSnapshot(database: database) }

    /// Rows that this connection has changed since it was opened, those of savepoints that were undone included: tells
    /// whether a transaction tried to write anything.
    package var changeCount: Int { database.totalChangesCount }

    /// Does `work` so that what it throws undoes its own writes only.
    package func savepoint<Result>(_ work: () throws -> Result) throws -> Result {
        var result: Swift.Result<Result, any Error>?
        try database.inSavepoint {
            result = Swift.Result { try work() }
            if case .failure = result { return .rollback }
            return .commit
        }
        guard let result else { throw DatabaseError(message: "the savepoint did not run") }
        return try result.get()
    }

    /// Writes as much as a batch would: shows whether there is room. ``removeProbe()`` belongs to another transaction,
    /// or nothing would be written at all.
    package func probe() throws {
        try run(
            "INSERT OR REPLACE INTO setting (name, value) VALUES ('probe', hex(zeroblob(?)))", [Self.probeByteCount / 2]
        )
    }

    /// Takes the probe back.
    package func removeProbe() throws {
        try run("DELETE FROM setting WHERE name = 'probe'")
    }

    private static let probeByteCount = 262_144

    func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }
}
