import Foundation
import Storage

/// Keeps a data directory for one gateway: a second one would store everything twice and tell everybody twice.
///
/// Held by a lock of the system's (`flock`) on the directory itself, which is gone with the process however that ends, and
/// which nobody can remove without the directory.
final class DataDirectoryLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `StorageError` naming the directory, when another gateway has it or it cannot be made.
    init(directory: String) throws {
        try Database.makeDirectory(directory)
        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw StorageError(file: directory, problem: .unusable(String(cString: strerror(errno))))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw StorageError(
                file: directory, problem: code == EWOULDBLOCK ? .inUse : .unusable(String(cString: strerror(code))))
        }
    }

    deinit { close(descriptor) }
}
