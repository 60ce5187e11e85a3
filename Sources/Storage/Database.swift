import Core
import Dispatch
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
    /// The same for each reader: enough for the upper levels of the trees. The system has the rest of what was read.
    private static let readerCacheKiB = 512
    /// A larger database is not read through at the start: that would take seconds.
    private static let maxCheckedBytes: Int64 = 256 << 20

    /// Pages of the log beyond which the writer empties it itself.
    private static let maxLogPages = 16_384
    /// The log's file is cut to this when it begins anew after something had kept it from being emptied.
    private static let maxLogBytes = maxLogPages * 4096

    private let role: DatabaseRole
    private let pool: DatabasePool
    /// The gateway's connection for emptying the log, so that nobody who writes waits for the disk.
    private let checkpointer: DatabaseQueue?
    private let readFailureObserver = Lock<(@Sendable (StorageFailure) -> Void)?>(nil)
    /// The file and its log, which a gateway has open for as long as it runs.
    private let places: [FilePlace]

    /// Opens the database of a data directory for a gateway, makes it when there is none, and brings its schema up to
    /// date.
    ///
    /// - Parameter durability: what every commit survives.
    /// - Throws: ``StorageError`` naming the file; a file that is damaged or newer than this program is left alone.
    package convenience init(
        directory: String, durability: Durability = .normal, ids: any IDGenerator = RandomIDGenerator()
    ) throws(StorageError) {
        try Self.makeDirectory(directory)
        try self.init(in: directory, role: .gateway, durability: durability, ids: ids)
    }

    /// Opens the database of a data directory for writing beside a gateway that may be serving it; makes it when there
    /// is none. The schema of one that is there is not changed: the gateway may be of an older version.
    ///
    /// - Throws: ``StorageError``, also for one of another version.
    package convenience init(writingBesideGatewayIn directory: String) throws(StorageError) {
        try Self.makeDirectory(directory)
        try self.init(in: directory, role: .writingTool, durability: .normal, ids: RandomIDGenerator())
    }

    /// Opens the database of a data directory that has one for reading beside a gateway that may be serving it.
    ///
    /// - Throws: ``StorageError``, also when there is none, and for one of another version.
    package convenience init(readingBesideGatewayIn directory: String) throws(StorageError) {
        let file = "\(directory)/\(Self.fileName)"
        guard FileManager.default.fileExists(atPath: file) else { throw StorageError(file: file, problem: .missing) }
        try self.init(in: directory, role: .readingTool, durability: .normal, ids: RandomIDGenerator())
    }

    /// Makes the directory, for its owner alone, if it is not there.
    package static func makeDirectory(_ directory: String) throws(StorageError) {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StorageError(
                file: directory, problem: .unusable("the directory cannot be made: \(error.localizedDescription)"))
        }
    }

    /// Makes a database with its whole schema, and then gives it its name: a gateway and tools that start together find the
    /// same one, and none finds half of it. No change when another program was faster.
    ///
    /// The file is for its owner alone: what people say to each other is in it, whoever may read the directory.
    private static func makeFile(_ file: String, in directory: String, _ configuration: Configuration) throws {
        func check(_ result: Int32) throws(StorageError) {
            if result < 0 { throw StorageError(file: file, problem: .unusable(String(cString: strerror(errno)))) }
        }
        let draft = "\(file).\(UUID().uuidString).new"
        let descriptor = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        try check(descriptor)
        Foundation.close(descriptor)
        defer { unlink(draft) }
        let queue = try DatabaseQueue(path: draft, configuration: configuration)
        try Schema.migrator.migrate(queue)
        try queue.close()
        if link(draft, file) < 0, errno != EEXIST { try check(-1) }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        try check(folder)
        defer { Foundation.close(folder) }
        try check(fsync(folder))
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
        // Asynchronous work shares one thread per core. By default each connection has a thread of its own while it works,
        // and ingest competes with all of them.
        configuration.targetQueue = DispatchQueue(
            label: "windsock.storage.async", qos: .userInitiated, attributes: .concurrent)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -\(Self.readerCacheKiB)") }
        do {
            if FileManager.default.fileExists(atPath: file) {
                // Read only: what cannot be used is left as it is, to the byte.
                var readOnly = configuration
                readOnly.readonly = true
                let reader = try DatabaseQueue(path: file, configuration: readOnly)
                try reader.read { try Self.check($0, role, file: file) }
                try reader.close()
            } else {
                try Self.makeFile(file, in: directory, configuration)
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
            places = role == .gateway ? [FilePlace(file), FilePlace("\(file)-wal")] : []
        } catch let error as StorageError {
            throw error
        } catch {
            throw StorageError(file: file, error)
        }
    }

    private static func configure(_ writer: GRDB.Database, _ durability: Durability) throws {
        try writer.execute(sql: "PRAGMA synchronous = \(durability.pragma)")
        // Some systems' SQLite overwrites what it deletes, which makes retention write everything once more.
        try writer.execute(sql: "PRAGMA secure_delete = OFF")
        try writer.execute(sql: "PRAGMA cache_size = -\(cacheKiB)")
        try writer.execute(sql: "PRAGMA wal_autocheckpoint = \(maxLogPages)")
        try writer.execute(sql: "PRAGMA journal_size_limit = \(maxLogBytes)")
    }

    /// Does `work` in one transaction, after all writes that began before. What it throws rolls everything back.
    ///
    /// - Throws: also when a gateway's files were removed or replaced.
    package func write<Result>(_ work: (StorageTransaction) throws -> Result) throws -> Result {
        for place in places { try place.check() }
        return try pool.write { try work(StorageTransaction(database: $0)) }
    }

    /// Whether a gateway's files are still where it has opened them.
    package var isInPlace: Bool {
        places.allSatisfy { (try? $0.check()) != nil }
    }

    /// Calls `observer` after each read that fails, on any thread; one observer at most.
    package func observeReadFailures(_ observer: @escaping @Sendable (StorageFailure) -> Void) {
        readFailureObserver.withLock { $0 = observer }
    }

    private func noteFailedRead(_ error: any Error) {
        // What `work` throws of its own says nothing of the storage.
        guard error is DatabaseError else { return }
        readFailureObserver.withLock { $0 }?(StorageFailure(error))
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

    /// Reads from one snapshot on a thread of the database's own; `completion` is called there.
    ///
    /// The snapshot is taken after this call: it holds everything that was committed before.
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

    /// Reads from one snapshot without blocking the caller's thread.
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

    /// Moves what was committed from the log into the file, beside whoever writes. To be called about once a second: it
    /// bounds what `normal` durability may lose in a power cut, and keeps the log small.
    ///
    /// What is committed meanwhile stays in the log, which can only begin anew when it is empty: so once in a long
    /// while the writer moves that rest itself.
    package func checkpoint() async throws {
        guard let checkpointer else { return }
        let pages = try await checkpointer.writeWithoutTransaction { try Self.checkpoint($0) }
        guard pages > Self.maxLogPages / 2 else { return }
        try await pool.writeWithoutTransaction { _ = try Self.checkpoint($0) }
    }

    /// Returns how many pages the log has.
    private static func checkpoint(_ database: GRDB.Database) throws -> Int {
        try Row.fetchOne(database, sql: "PRAGMA wal_checkpoint(PASSIVE)")?[1] ?? 0
    }

    /// Ends all access; later calls throw. A gateway's brings everything into the one file; a tool's leaves that to the
    /// gateway, which would wait for it.
    ///
    /// GRDB closes the writer before the readers, so that SQLite itself would leave the log (`-wal`) as it is.
    package func close() throws {
        try checkpointer?.close()
        switch role {
        case .gateway: try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        // Waits for nobody, and nobody waits for it: beside a gateway it has little to do, alone it does all.
        case .writingTool: try pool.writeWithoutTransaction { _ = try Self.checkpoint($0) }
        case .readingTool: break
        }
        try pool.close()
    }

    /// Whether the file is of a version that the role can use; reads the whole of a small one for damage that its first
    /// page does not show.
    private static func check(_ database: GRDB.Database, _ role: DatabaseRole, file: String) throws {
        let migrator = Schema.migrator
        if try migrator.hasBeenSuperseded(database) { throw StorageError(file: file, problem: .newer) }
        if role != .gateway, try !migrator.hasCompletedMigrations(database) {
            throw StorageError(file: file, problem: .older)
        }
        guard try StorageSnapshot(database: database).usedByteCount() <= maxCheckedBytes else { return }
        guard try String.fetchOne(database, sql: "PRAGMA quick_check(1)") == "ok" else {
            throw StorageError(file: file, problem: .damaged)
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
