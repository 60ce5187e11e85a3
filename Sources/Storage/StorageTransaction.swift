import GRDB

/// Write access within one transaction. Passed to a closure and invalid afterwards.
///
/// The statements are in extensions, one for each kind of stored value.
package struct StorageTransaction {
    let database: GRDB.Database
    let endHandlers: TransactionEndHandlers

    /// A view of the transaction's state, including its own writes.
    package var snapshot: StorageSnapshot { StorageSnapshot(database: database) }

    /// The number of rows changed by this connection since it was opened, including those in savepoints that were
    /// rolled back. Shows whether a transaction tried to write anything.
    package var changeCount: Int { database.totalChangesCount }

    /// Runs `work` in a savepoint, so that an error rolls back only the writes of `work`.
    package func savepoint<Result>(_ work: () throws -> Result) throws -> Result {
        let outerCount = endHandlers.count
        do {
            var result: Swift.Result<Result, any Error>?
            try database.inSavepoint {
                result = Swift.Result { try work() }
                if case .failure = result { return .rollback }
                return .commit
            }
            guard let result else { throw DatabaseError(message: "the savepoint did not run") }
            return try result.get()
        } catch {
            endHandlers.rollback(to: outerCount)
            throw error
        }
    }

    /// Calls `handler` exactly once: with true when the writes made so far are committed, with false when they are
    /// rolled back. State in memory can thus follow the database, even if `COMMIT` itself fails:
    ///
    ///     cache.begin()
    ///     transaction.onEnd { isCommitted in
    ///         if isCommitted { cache.commit() } else { cache.rollback() }
    ///     }
    ///
    /// The handler is called on the writing thread, before ``Database/write(_:)`` returns, or before
    /// ``savepoint(_:)`` does if that is what rolls the writes back. A commit calls handlers in the order in which they
    /// were added, a rollback in reverse order. The database is not locked meanwhile: another thread's transaction may
    /// begin before the handlers run, unless all writes are made by one queue, as `DatabaseWriter` does.
    package func onEnd(_ handler: @escaping (_ isCommitted: Bool) -> Void) {
        endHandlers.add(handler)
    }

    /// Writes about as much as a batch does, to test for free space. Call ``removeProbe()`` in a later transaction:
    /// within the same one, nothing would be written to the disk.
    package func probe() throws {
        try run(
            "INSERT OR REPLACE INTO setting (name, value) VALUES ('probe', hex(zeroblob(?)))", [Self.probeByteCount / 2]
        )
    }

    /// Deletes the data written by ``probe()``.
    package func removeProbe() throws {
        try run("DELETE FROM setting WHERE name = 'probe'")
    }

    private static let probeByteCount = 262_144

    func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    /// Reserves the next `count` values of a counter and returns the first of them. Counters start at 1.
    func next(_ counter: String, count: Int) throws -> Int64 {
        let row = try snapshot.row(
            """
            INSERT INTO counter (name, value) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET value = value + ?2 RETURNING value
            """, [counter, count])
        return (row?[0] ?? Int64(count)) - Int64(count) + 1
    }
}

/// The functions to call when a transaction ends.
///
/// GRDB's `afterNextTransaction(onCommit:onRollback:)` does not fit. It ignores savepoints. And when SQLite itself rolls
/// back a transaction after an error, such as a full disk, it calls neither function, and calls `onCommit` after the
/// next transaction instead.
final class TransactionEndHandlers {
    private var handlers: [(_ isCommitted: Bool) -> Void] = []

    var count: Int { handlers.count }

    func add(_ handler: @escaping (_ isCommitted: Bool) -> Void) { handlers.append(handler) }

    func commit() {
        let committed = handlers
        handlers = []
        for handler in committed { handler(true) }
    }

    /// Calls the handlers beyond the first `count`, the latest first.
    func rollback(to count: Int = 0) {
        while handlers.count > count, let handler = handlers.popLast() { handler(false) }
    }
}
