package import Core
import Dispatch
import Foundation
import GRDB

/// The gateway's persistent state: one SQLite file in the data directory, in WAL mode, with one writer and concurrent
/// readers.
///
/// Thread-safe. ``write(_:)`` and ``read(_:)`` block the calling thread. Event loops must use ``read(_:completion:)``
/// instead.
package final class Database: Sendable {
    /// The name of the file in the data directory.
    package static let fileName = "windsock.sqlite"

    /// A random, permanent identifier of this database. Clients keep it with each room offset, so that they never apply
    /// an offset of one database to another.
    package let epoch: String

    /// The writer's page cache, in KiB.
    private static let cacheKiB = 32_768
    /// Each reader's page cache, in KiB: enough for the upper levels of the B-trees. The operating system caches the
    /// rest.
    private static let readerCacheKiB = 512
    /// Larger databases are not checked completely at startup because that would take seconds.
    private static let maxCheckedBytes: Int64 = 256 << 20

    /// Pages in the WAL after which the writer itself runs a checkpoint.
    private static let maxLogPages = 16_384
    /// The size to which the WAL file is truncated when it restarts after a long time without a complete checkpoint.
    private static let maxLogBytes = maxLogPages * 4096

    private let role: DatabaseRole
    private let pool: DatabasePool
    /// The gateway's connection for checkpoints, so that writers do not wait for the disk.
    private let checkpointer: DatabaseQueue?
    private let readFailureObserver = Lock<(@Sendable (StorageError) -> Void)?>(nil)
    /// The database file and its WAL, as opened by a gateway. Empty for tools.
    private let files: [FileIdentity]

    /// Opens the database of a data directory for a gateway. Creates it if it does not exist, and migrates its schema.
    ///
    /// - Parameter durability: The failures that every commit survives.
    /// - Throws: ``StorageError``, which names the file. A file that is damaged or newer than this program is not
    ///   modified.
    package convenience init(
        directory: String, durability: Durability = .normal, ids: any IDGenerator = RandomIDGenerator()
    ) throws(StorageError) {
        try Self.makeDirectory(directory)
        DatabaseCreation.removeDrafts(in: directory)
        try self.init(in: directory, role: .gateway, durability: durability, ids: ids)
    }

    /// Opens the database of a data directory for writing, possibly while a gateway serves it. Creates it if it does
    /// not exist. The schema of an existing database is not migrated, because the gateway may be of an older version.
    ///
    /// - Throws: ``StorageError``, also for a database of another version.
    package convenience init(writingBesideGatewayIn directory: String) throws(StorageError) {
        try Self.makeDirectory(directory)
        try self.init(in: directory, role: .writingTool, durability: .normal, ids: RandomIDGenerator())
    }

    /// Opens the existing database of a data directory for reading, possibly while a gateway serves it.
    ///
    /// - Throws: ``StorageError``, also when there is no database or it is of another version.
    package convenience init(readingBesideGatewayIn directory: String) throws(StorageError) {
        let file = "\(directory)/\(Self.fileName)"
        guard FileManager.default.fileExists(atPath: file) else { throw .notOpened(file: file, .missing) }
        try self.init(in: directory, role: .readingTool, durability: .normal, ids: RandomIDGenerator())
    }

    // MARK: Access

    /// Runs `work` in one transaction, after all writes that began earlier. An error thrown by `work` rolls the
    /// transaction back.
    ///
    /// - Throws: The error of `work` or of the commit; ``StorageError/failed(_:isDamage:)`` when a gateway's files were
    ///   removed or replaced.
    package func write<Result>(_ work: (StorageTransaction) throws -> Result) throws -> Result {
        for file in files { try file.check() }
        let endHandlers = TransactionEndHandlers()
        do {
            let result = try pool.write { try work(StorageTransaction(database: $0, endHandlers: endHandlers)) }
            endHandlers.commit()
            return result
        } catch {
            endHandlers.rollback()
            throw error
        }
    }

    /// True while the files of a gateway's database are still in place: neither removed nor replaced since they were
    /// opened. Always true for tools.
    package var isInPlace: Bool {
        files.allSatisfy { (try? $0.check()) != nil }
    }

    /// Sets the observer, which is called after each failed read, on any thread. There is at most one observer.
    package func observeReadFailures(_ observer: @escaping @Sendable (StorageError) -> Void) {
        readFailureObserver.withLock { $0 = observer }
    }

    private func noteFailedRead(_ error: any Error) {
        // Other errors come from `work` itself and say nothing about the storage.
        guard error is DatabaseError else { return }
        readFailureObserver.withLock { $0 }?(StorageError(error))
    }

    /// Reads from one snapshot.
    package func read<Result>(_ work: (StorageSnapshot) throws -> Result) throws -> Result {
        do {
            return try pool.read { try work(StorageSnapshot(database: $0)) }
        } catch {
            noteFailedRead(error)
            throw error
        }
    }

    /// Reads from one snapshot on one of the database's threads, and calls `completion` there.
    ///
    /// The snapshot is taken after this call, so it contains everything committed before.
    package func read<Result: Sendable>(
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result,
        completion: @escaping @Sendable (Swift.Result<Result, any Error>) -> Void
    ) {
        pool.asyncRead { access in
            let result = Swift.Result { try work(StorageSnapshot(database: access.get())) }
            if case .failure(let error) = result { self.noteFailedRead(error) }
            completion(result)
        }
    }

    /// Reads from one snapshot without blocking the calling thread.
    package func read<Result: Sendable>(
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result
    ) async throws -> Result {
        do {
            return try await pool.read { try work(StorageSnapshot(database: $0)) }
        } catch {
            noteFailedRead(error)
            throw error
        }
    }

    /// Reads the whole database and returns true when no damage was found. Takes as long as reading the file.
    package func isIntact() async -> Bool {
        let result = try? await pool.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        return result == "ok"
    }

    /// Copies committed pages from the WAL into the database file, concurrently with writers. Call it about once a
    /// second: it limits the commits that a power failure can lose with `normal` durability, and keeps the WAL small.
    ///
    /// Pages committed meanwhile stay in the WAL, and SQLite reuses the WAL from its start only after all pages have
    /// been copied. If the WAL has more than half of ``maxLogPages``, the writer therefore runs a checkpoint itself to
    /// copy the rest.
    package func checkpoint() async throws {
        guard let checkpointer else { return }
        let pages = try await checkpointer.writeWithoutTransaction { try Self.checkpoint($0) }
        guard pages > Self.maxLogPages / 2 else { return }
        try await pool.writeWithoutTransaction { _ = try Self.checkpoint($0) }
    }

    /// Runs a passive checkpoint and returns the number of pages in the WAL.
    private static func checkpoint(_ database: GRDB.Database) throws -> Int {
        try Row.fetchOne(database, sql: "PRAGMA wal_checkpoint(PASSIVE)")?[1] ?? 0
    }

    /// Closes all connections. Later calls throw. A gateway first copies the whole WAL into the database file. A
    /// writing tool copies only what it can copy without making a gateway wait, and a reading tool nothing.
    ///
    /// The gateway's checkpoint must be explicit because GRDB closes the writer before the readers, and SQLite would
    /// then leave the WAL as it is.
    package func close() throws {
        try checkpointer?.close()
        switch role {
        case .gateway: try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        // A passive checkpoint neither waits nor blocks anyone. Beside a gateway it has little to do; alone it copies
        // everything.
        case .writingTool: try pool.writeWithoutTransaction { _ = try Self.checkpoint($0) }
        case .readingTool: break
        }
        try pool.close()
    }

    // MARK: Opening

    /// Creates the directory with access for its owner only, if it does not exist.
    package static func makeDirectory(_ directory: String) throws(StorageError) {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .notOpened(file: directory, .unusable(reason(for: error, at: directory)))
        }
    }

    /// Returns why a directory cannot be created, in the words of the system.
    private static func reason(for error: any Error, at path: String) -> String {
        if FileManager.default.fileExists(atPath: path) { return "it is a file, not a directory" }
        let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? POSIXError
        let text = cause.map { String(cString: strerror($0.code.rawValue)) } ?? error.localizedDescription
        return "the directory cannot be created: \(text)"
    }

    private init(
        in directory: String, role: DatabaseRole, durability: Durability, ids: any IDGenerator
    ) throws(StorageError) {
        self.role = role
        let file = "\(directory)/\(Self.fileName)"
        var configuration = Configuration()
        configuration.label = "windsock.storage"
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 6
        // Asynchronous work shares one thread per core. By default each connection uses a thread of its own while it
        // works, and all of them compete with ingest.
        configuration.targetQueue = DispatchQueue(
            label: "windsock.storage.async", qos: .userInitiated, attributes: .concurrent)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -\(Self.readerCacheKiB)") }
        do {
            if FileManager.default.fileExists(atPath: file) {
                // Opened read-only, so that an unusable file is not modified at all.
                var readOnly = configuration
                readOnly.readonly = true
                let reader = try DatabaseQueue(path: file, configuration: readOnly)
                try reader.read { try Self.check($0, role, file: file) }
                try reader.close()
            } else {
                try DatabaseCreation.make(file, in: directory, configuration)
            }
            configuration.readonly = role == .readingTool
            pool = try DatabasePool(path: file, configuration: configuration)
            if role == .gateway { try Schema.migrator.migrate(pool) }
            if role != .readingTool { try pool.writeWithoutTransaction { try Self.configure($0, durability) } }
            if role == .gateway {
                configuration.label = "windsock.storage.checkpoint"
                let queue = try DatabaseQueue(path: file, configuration: configuration)
                try queue.writeWithoutTransaction {
                    try $0.execute(sql: "PRAGMA synchronous = \(durability.pragma)")
                }
                checkpointer = queue
            } else {
                checkpointer = nil
            }
            epoch =
                switch role {
                case .readingTool: try pool.read { try Self.epoch(in: $0) ?? "" }
                case .gateway, .writingTool: try pool.write { try Self.epoch(in: $0, ids: ids) }
                }
            files = role == .gateway ? [FileIdentity(file), FileIdentity("\(file)-wal")] : []
        } catch let error as StorageError {
            throw error
        } catch {
            throw StorageError(opening: file, error)
        }
    }

    private static func configure(_ writer: GRDB.Database, _ durability: Durability) throws {
        try writer.execute(sql: "PRAGMA synchronous = \(durability.pragma)")
        // Some systems compile SQLite so that it overwrites deleted content, which makes retention write everything
        // once more.
        try writer.execute(sql: "PRAGMA secure_delete = OFF")
        try writer.execute(sql: "PRAGMA cache_size = -\(cacheKiB)")
        try writer.execute(sql: "PRAGMA wal_autocheckpoint = \(maxLogPages)")
        try writer.execute(sql: "PRAGMA journal_size_limit = \(maxLogBytes)")
    }

    /// Checks that the role can use the file's version. Also checks a small file completely, for damage that its first
    /// page does not show.
    private static func check(_ database: GRDB.Database, _ role: DatabaseRole, file: String) throws {
        let migrator = Schema.migrator
        if try migrator.hasBeenSuperseded(database) { throw StorageError.notOpened(file: file, .newer) }
        if role != .gateway, try !migrator.hasCompletedMigrations(database) {
            throw StorageError.notOpened(file: file, .older)
        }
        guard try StorageSnapshot(database: database).usedByteCount() <= maxCheckedBytes else { return }
        guard try String.fetchOne(database, sql: "PRAGMA quick_check(1)") == "ok" else {
            throw StorageError.notOpened(file: file, .damaged)
        }
    }

    private static func epoch(in database: GRDB.Database) throws -> String? {
        try String.fetchOne(database, sql: "SELECT value FROM setting WHERE name = 'epoch'")
    }

    private static func epoch(in database: GRDB.Database, ids: any IDGenerator) throws -> String {
        if let epoch = try epoch(in: database) { return epoch }
        let epoch = String(ids.next().prefix(12))
        try database.execute(sql: "INSERT INTO setting (name, value) VALUES ('epoch', ?)", arguments: [epoch])
        return epoch
    }
}

/// The role of the process that opens the database. It determines what the process may change.
enum DatabaseRole {
    /// Creates and migrates the database, and runs checkpoints.
    case gateway
    /// Reads and writes. Creates the database if it does not exist; an existing one must have the current schema.
    /// Leaves periodic checkpoints to the gateway.
    case writingTool
    /// Only reads. The database must exist and have the current schema.
    case readingTool
}

/// The failures that a commit survives. The raw values are those of the setting `storage.durability`.
package enum Durability: String, Sendable, CaseIterable {
    /// A power failure: every commit waits for the disk (`synchronous=FULL`).
    case full
    /// A crash of the process. A power failure may lose the last commits but never damages the database
    /// (`synchronous=NORMAL`).
    case normal
    /// A crash of the process, as long as the operating system keeps running. A power failure may damage the database
    /// (`synchronous=OFF`).
    case off

    /// The value of `PRAGMA synchronous`.
    var pragma: String {
        switch self {
        case .full: "FULL"
        case .normal: "NORMAL"
        case .off: "OFF"
        }
    }
}

/// The identity (device and inode) of an open file, to be compared with the file now found at its path.
///
/// Without this check, a process whose database was removed or replaced would keep writing into a file that nobody sees
/// again.
struct FileIdentity: Sendable {
    private struct Identity: Equatable {
        var device: dev_t
        var inode: ino_t
    }

    private let path: String
    private let identity: Identity?

    /// Records the identity of the file at `path`, if there is one.
    init(_ path: String) {
        self.path = path
        identity = Self.identity(path)
    }

    /// Checks that the path still leads to the same file.
    ///
    /// - Throws: ``StorageError/failed(_:isDamage:)`` when it leads to another file or to none.
    func check() throws(StorageError) {
        guard let identity, Self.identity(path) != identity else { return }
        throw .failed("\(path) was removed or replaced; put it back, or restart the gateway")
    }

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }
}
