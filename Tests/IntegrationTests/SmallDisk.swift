import Foundation
import TestSupport

/// A file system of a few megabytes for tests of full disks. It is removed with the test.
final class SmallDisk {
    let url: URL
    let isMounted: Bool
    /// Whether the current user may mount one.
    static var canBeMounted: Bool { (try? SmallDisk(megabytes: 1))?.isMounted == true }
    private var filler: URL { url.appending(path: "filler") }

    init(megabytes: Int) throws {
        url = FileManager.default.temporaryDirectory.appending(path: "windsock-disk-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        isMounted = mount("tmpfs", url.path, "tmpfs", 0, "size=\(megabytes)m") == 0
    }

    deinit {
        if isMounted { umount2(url.path, Int32(MNT_DETACH)) }
        try? FileManager.default.removeItem(at: url)
    }

    /// Fills the disk completely.
    func fill() throws {
        _ = FileManager.default.createFile(atPath: filler.path, contents: nil)
        let file = try FileHandle(forWritingTo: filler)
        var size = 1 << 20
        while size > 0 {
            do {
                try file.write(contentsOf: Data(count: size))
            } catch {
                size /= 2
            }
        }
        try? file.close()
    }

    /// Frees the space.
    func free() throws {
        try FileManager.default.removeItem(at: filler)
    }
}
