import Foundation
import Storage

/// Keeps a data directory for one gateway: a second one would store everything twice and tell everybody twice.
///
/// Held by a lock of the system's (`flock`) on a file in it, which is gone with the process however that ends.
final class DataDirectoryLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `StorageError` naming the file, when another gateway has it or it cannot be made.
    init(directory: String) throws {
        try Database.makeDirectory(directory)
        let file = "\(directory)/windsock.lock"
        descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StorageError(file: file, problem: .unusable(String(cString: strerror(errno))))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw StorageError(file: file, problem: .inUse)
        }
    }

    deinit { close(descriptor) }
}
