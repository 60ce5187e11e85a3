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
        isMounted = Self.run("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", url.path])
    }

    deinit {
        if isMounted { _ = Self.run("umount", ["-l", url.path]) }
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

    private static func run(_ program: String, _ arguments: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
