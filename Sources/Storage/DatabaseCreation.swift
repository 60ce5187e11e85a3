import Foundation
import GRDB

/// The creation of a new database file.
enum DatabaseCreation {
    private static let draftSuffix = ".new"
    /// The age from which a draft belongs to no running process.
    private static let draftLifetime: TimeInterval = 3600

    /// Creates a database with its complete schema under a draft name, and then gives it its name. A gateway and tools
    /// that start together therefore use the same database, and none finds an incomplete one. Does nothing when another
    /// process was faster.
    ///
    /// The file is readable for its owner only, because it contains what people say to each other.
    ///
    /// - Throws: ``StorageError`` or `DatabaseError`.
    static func make(_ file: String, in directory: String, _ configuration: Configuration) throws {
        func fail(_ reason: String) -> StorageError { .notOpened(file: file, .unusable(reason)) }
        var information = stat()
        if lstat(file, &information) == 0, access(file, F_OK) != 0 {
            throw fail("it is a symbolic link to a file that does not exist")
        }
        let draft = "\(file).\(UUID().uuidString)\(draftSuffix)"
        let descriptor = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fail(String(cString: strerror(errno))) }
        close(descriptor)
        defer { unlink(draft) }
        let queue = try DatabaseQueue(path: draft, configuration: configuration)
        try Schema.migrator.migrate(queue)
        try queue.close()
        guard give(draft, theName: file) else { throw fail(String(cString: strerror(errno))) }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        // Some file systems cannot synchronise folders. The file is in place all the same.
        fsync(folder)
        close(folder)
    }

    /// Gives the draft its name unless that is taken; returns false when neither way works, with the reason in `errno`.
    private static func give(_ draft: String, theName file: String) -> Bool {
        if link(draft, file) == 0 || errno == EEXIST { return true }
        // FAT and some network file systems have no hard links. There, two programs that create the database in the same
        // instant could each replace the other's.
        return access(file, F_OK) == 0 || rename(draft, file) == 0
    }

    /// Removes the drafts of processes that were killed while they created a database.
    static func removeDrafts(in directory: String) {
        let manager = FileManager.default
        for name in (try? manager.contentsOfDirectory(atPath: directory)) ?? [] where isDraft(name) {
            let path = "\(directory)/\(name)"
            let changed = try? manager.attributesOfItem(atPath: path)[.modificationDate] as? Date
            guard let changed, Date().timeIntervalSince(changed) > draftLifetime else { continue }
            unlink(path)
        }
    }

    /// Returns true for the names that ``make(_:in:_:)`` gives to drafts and SQLite to their journals, and for no other:
    /// people keep copies of the database beside it.
    private static func isDraft(_ name: String) -> Bool {
        guard name.hasPrefix("\(Database.fileName).") else { return false }
        let rest = name.dropFirst(Database.fileName.count + 1)
        return UUID(uuidString: String(rest.prefix(36))) != nil
            && [draftSuffix, "\(draftSuffix)-journal"].contains(String(rest.dropFirst(36)))
    }
}
