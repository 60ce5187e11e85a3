import Foundation

/// A backup file that gets its final name only when it is complete. Until then an earlier file of that name remains,
/// and an incomplete backup is never mistaken for a complete one.
package struct BackupFile {
    private let path: String
    private let handle: FileHandle
    /// The temporary path until the backup is complete; `nil` when `path` is a device or a pipe.
    private let partial: String?

    /// Creates the temporary file, named `path` plus `.partial`. If `path` is a device or a pipe, opens it for direct
    /// writing.
    ///
    /// - Throws: ``StorageError/notWritten(file:reason:)``.
    package init(path: String) throws(StorageError) {
        // A symbolic link remains a link: the file that it points to is written.
        self.path = URL(filePath: path).resolvingSymlinksInPath().path
        let type = try? FileManager.default.attributesOfItem(atPath: self.path)[.type] as? FileAttributeType
        partial = type == nil || type == .typeRegular ? self.path + ".partial" : nil
        // Always a new file: an existing one may belong to somebody else or be a link to another place.
        if let partial { unlink(partial) }
        let flags = partial == nil ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL
        let descriptor = open(partial ?? self.path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .notWritten(file: path, reason: Self.systemError()) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    package func write(_ bytes: [UInt8]) throws {
        try handle.write(contentsOf: Data(bytes))
    }

    /// Renames the file to its final name, once all of it is on the disk.
    ///
    /// - Throws: ``StorageError/notWritten(file:reason:)``, or the error of a failed write.
    package func finish() throws {
        guard let partial else { return }
        try handle.synchronize()
        // Another export to the same path has created its own temporary file, so this one no longer has a name.
        guard isOwn(partial) else {
            throw StorageError.notWritten(file: path, reason: "another export is writing to it")
        }
        guard rename(partial, path) == 0 else {
            throw StorageError.notWritten(file: path, reason: Self.systemError())
        }
        // Makes the new name durable as well, where the file system can sync a directory.
        let directory = open(URL(filePath: path).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    /// Deletes the incomplete file.
    package func discard() {
        if let partial, isOwn(partial) { unlink(partial) }
    }

    /// Returns true if `name` still leads to the file that was written.
    private func isOwn(_ name: String) -> Bool {
        var (own, there) = (stat(), stat())
        return fstat(handle.fileDescriptor, &own) == 0 && lstat(name, &there) == 0 && own.st_ino == there.st_ino
            && own.st_dev == there.st_dev
    }

    private static func systemError() -> String { String(cString: strerror(errno)) }
}
