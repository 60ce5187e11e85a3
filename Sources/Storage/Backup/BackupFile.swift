import Foundation

/// A backup on its way into a file, which gets its name when it is whole: until then an earlier one of that name stays,
/// and a part is never taken for a backup.
package struct BackupFile {
    /// Why a file cannot be written; names it.
    package struct Failure: Error, CustomStringConvertible {
        package let path: String
        package let reason: String

        package var description: String { "The file \(path) cannot be written: \(reason)." }
    }

    private let path: String
    private let handle: FileHandle
    /// Where it is until it is whole; `nil` when `path` is no file but a device or a pipe.
    private let partial: String?

    /// Begins to write: into `path` with `.partial` after it, a file that is made anew.
    package init(path: String) throws(Failure) {
        // A link stays a link.
        self.path = URL(filePath: path).resolvingSymlinksInPath().path
        let type = try? FileManager.default.attributesOfItem(atPath: self.path)[.type] as? FileAttributeType
        partial = type == nil || type == .typeRegular ? self.path + ".partial" : nil
        // Made anew: one that is there may be somebody else's, or a link to somewhere else.
        if let partial { unlink(partial) }
        let flags = partial == nil ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL
        let descriptor = open(partial ?? self.path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(path: path, reason: Self.systemError()) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    package func write(_ bytes: [UInt8]) throws {
        try handle.write(contentsOf: Data(bytes))
    }

    /// Gives it its name, once the disk has all of it.
    package func finish() throws {
        guard let partial else { return }
        try handle.synchronize()
        // Another export to the same path has made its own, and this one has no name any more.
        guard isOwn(partial) else { throw Failure(path: path, reason: "another export has begun to write it") }
        guard rename(partial, path) == 0 else { throw Failure(path: path, reason: Self.systemError()) }
        // The name too: as far as the file system lets a directory be told.
        let directory = open(URL(filePath: path).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    /// Removes what was written.
    package func discard() {
        if let partial, isOwn(partial) { unlink(partial) }
    }

    /// True while `name` leads to the file that was written.
    private func isOwn(_ name: String) -> Bool {
        var (own, there) = (stat(), stat())
        return fstat(handle.fileDescriptor, &own) == 0 && lstat(name, &there) == 0 && own.st_ino == there.st_ino
            && own.st_dev == there.st_dev
    }

    private static func systemError() -> String { String(cString: strerror(errno)) }
}
