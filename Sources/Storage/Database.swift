import Foundation
import GRDB
package import Telemetry

/// What must survive a restart: one SQLite file in the data directory, with one writer and concurrent readers (WAL).
///
/// Thread-safe. ``write(_:)`` and ``read(_:)`` block the calling thread: never call them on an event loop, which uses
/// ``read(_:completion:)`` instead.
package final class Database: Sendable {
    /// The file's name in the data directory.
    package static let fileName = "windsock.sqlite"

    /// Names this database's offsets: another database has another epoch, so that a client never takes an offset of
    /// the one for an offset of the other.
    package let epoch: String

    /// What the writer may keep of the file in memory.
    private static let cacheKiB = 32_768
    /// A larger database is not read through at the start: that would take seconds.
    private static let maxCheckedBytes: Int64 = 256 << 20

    /// Pages of the log beyond which the writer empties it itself.
    private static let maxLogPages = 16_384

    private let pool: DatabasePool
    /// A connection of its own, so that nobody who writes waits for the disk.
    private let checkpointer: DatabaseQueue

    /// Opens the database of a data directory, makes it when there is none, and brings its schema up to date.
    ///
    /// - Parameter durability: what every commit survives.
    /// - Throws: ``StorageError`` naming the file; a file that is damaged or newer than this program is left alone.
    package convenience init(
        directory: String, durability: Durability = .normal, ids: any IDGenerator = RandomIDGenerator()
    ) throws(StorageError) {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StorageError(file: directory, problem: .unusable("the directory cannot be made: \(error)"))
        }
        try self.init(file: "\(directory)/\(Self.fileName)", durability: durability, ids: ids)
    }

    /// Opens the database of a data directory that has one.
    ///
    /// - Throws: ``StorageError``, also when there is none.
    package convenience init(existingIn directory: String) throws(StorageError) {
        let file = "\(directory)/\(Self.fileName)"
        guard FileManager.default.fileExists(atPath: file) else { throw StorageError(file: file, problem: .missing) }
        try self.init(file: file, durability: .normal, ids: RandomIDGenerator())
    }

    private init(file: String, durability: Durability, ids: any IDGenerator) throws(StorageError) {
        var configuration = Configuration()
        configuration.label = "windsock.storage"
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 6
        do {
            let migrator = Schema.migrator
            if FileManager.default.fileExists(atPath: file) {
                // Read only: what cannot be used is left as it is, to the byte.
                var readOnly = configuration
                readOnly.readonly = true
                let reader = try DatabaseQueue(path: file, configuration: readOnly)
                try reader.read { try Self.check($0, migrator, file: file) }
                try reader.close()
            }
            pool = try DatabasePool(path: file, configuration: configuration)
            try migrator.migrate(pool)
            try pool.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = \(durability.pragma)")
                // Some systems' SQLite overwrites what it deletes, which makes retention write everything once more.
                try database.execute(sql: "PRAGMA secure_delete = OFF")
                try database.execute(sql: "PRAGMA cache_size = -\(Self.cacheKiB)")
                try database.execute(sql: "PRAGMA wal_autocheckpoint = \(Self.maxLogPages)")
            }
            configuration.label = "windsock.storage.checkpoint"
            checkpointer = try DatabaseQueue(path: file, configuration: configuration)
            try checkpointer.writeWithoutTransaction {
                try $0.execute(sql: "PRAGMA synchronous = \(durability.pragma)")
            }
            epoch = try pool.write { database in try Self.epoch(in: database, ids: ids) }
        } catch let error as StorageError {
            throw error
        } catch {
            throw StorageError(file: file, error)
        }
    }

    /// Does `work` in one transaction, after all writes that began before. What it throws rolls everything back.
    package func write<Result>(_ work: (StorageTransaction) throws -> Result) throws -> Result {
        try pool.write { try work(StorageTransaction(database: $0)) }
    }

    /// Reads from one snapshot.
    package func read<Result>(_ work: (StorageSnapshot) throws -> Result) throws -> Result {
        try pool.read { try work(StorageSnapshot(database: $0)) }
    }

    /// Reads from one snapshot on a thread of the database's own; `completion` is called there.
    ///
    /// The snapshot is taken after this call: it holds everything that was committed before.
    package func read<Result: Sendable>(
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result,
        completion: @escaping @Sendable (Swift.Result<Result, any Error>) -> Void
    ) {
        pool.asyncRead { access in
            completion(Swift.Result { try work(StorageSnapshot(database: access.get())) })
        }
    }

    /// Reads from one snapshot without blocking the caller's thread.
    package func read<Result: Sendable>(
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result
    ) async throws -> Result {
        try await pool.read { try work(StorageSnapshot(database: $0)) }
    }

    /// Moves what was committed from the log into the file, beside whoever writes. To be called about once a second: it
    /// bounds what `normal` durability may lose in a power cut, and keeps the log small.
    ///
    /// What is committed meanwhile stays in the log, which can only begin anew when it is empty: so once in a long
    /// while the writer moves that rest itself.
    package func checkpoint() async throws {
        let pages = try await checkpointer.writeWithoutTransaction { try Self.checkpoint($0) }
        guard pages > Self.maxLogPages / 2 else { return }
        try await pool.writeWithoutTransaction { _ = try Self.checkpoint($0) }
    }

    /// Returns how many pages the log has.
    private static func checkpoint(_ database: GRDB.Database) throws -> Int {
        try Row.fetchOne(database, sql: "PRAGMA wal_checkpoint(PASSIVE)")?[1] ?? 0
    }

    /// Ends all access, and brings everything into the one file; later calls throw.
    ///
    /// GRDB closes the writer before the readers, so that SQLite itself would leave the log (`-wal`) as it is.
    package func close() throws {
        try checkpointer.close()
        try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try pool.close()
    }

    /// Whether the file is of this version or an earlier one; reads the whole of a small one for damage that its first
    /// page does not show.
    private static func check(_ database: GRDB.Database, _ migrator: DatabaseMigrator, file: String) throws {
        if try migrator.hasBeenSuperseded(database) { throw StorageError(file: file, problem: .newer) }
        guard try StorageSnapshot(database: database).usedByteCount() <= maxCheckedBytes else { return }
        guard try String.fetchOne(database, sql: "PRAGMA quick_check(1)") == "ok" else {
            throw StorageError(file: file, problem: .damaged)
        }
    }

    private static func epoch(in database: GRDB.Database, ids: any IDGenerator) throws -> String {
        if let epoch = try String.fetchOne(database, sql: "SELECT value FROM setting WHERE name = 'epoch'") {
            return epoch
        }
        let epoch = String(ids.next().prefix(12))
        try database.execute(sql: "INSERT INTO setting (name, value) VALUES ('epoch', ?)", arguments: [epoch])
        return epoch
    }
}
