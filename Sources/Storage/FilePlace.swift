import Foundation

/// The identity of a file that is open, compared with what its path leads to.
///
/// A program whose database is removed or replaced under it goes on writing into a file that nobody will see again.
struct FilePlace: Sendable {
    /// A file that was removed or replaced while it was open.
    struct Gone: Error {
        let path: String
    }

    private struct Identity: Equatable {
        var device: dev_t
        var inode: ino_t
    }

    private let path: String
    private let identity: Identity?

    /// The file that `path` leads to now, if there is one.
    init(_ path: String) {
        self.path = path
        identity = Self.identity(path)
    }

    /// - Throws: ``Gone`` when the path leads to another file now, or to none.
    func check() throws(Gone) {
        guard let identity, Self.identity(path) != identity else { return }
        throw Gone(path: path)
    }

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }
}
