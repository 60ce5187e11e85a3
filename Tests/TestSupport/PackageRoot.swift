package import Foundation

/// Locations of this package's files on disk.
package enum PackageRoot {
    package struct Missing: Error, CustomStringConvertible {
        package let description: String
    }

    /// The folder of `Package.swift`.
    package static var directory: URL {
        get throws(Missing) {
            var folder = URL(filePath: #filePath).deletingLastPathComponent()
            while folder.path != "/" {
                if FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path) {
                    return folder
                }
                folder.deleteLastPathComponent()
            }
            throw Missing(description: "no Package.swift above \(#filePath)")
        }
    }

    /// The `windsock` program built with the running tests.
    package static var executable: URL {
        get throws(Missing) { try executable("windsock") }
    }

    /// Returns a program built with the running tests. It is next to their bundle.
    package static func executable(_ name: String) throws(Missing) -> URL {
        let bundle = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let candidates = [bundle.appending(path: name), try directory.appending(path: ".build/debug/\(name)")]
        for candidate in candidates where FileManager.default.isExecutableFile(atPath: candidate.path) {
            return candidate
        }
        throw Missing(description: "\(name) is not built: looked for \(candidates.map(\.path))")
    }

    /// Returns a file of the shared data, from `WINDSOCK_SHARED_DATA` or else from `../shared/data` next to the
    /// package.
    ///
    /// - Throws: ``Missing`` when the file does not exist. Tests may be skipped in that case.
    package static func sharedData(_ name: String) throws(Missing) -> URL {
        let folder: URL
        if let path = ProcessInfo.processInfo.environment["WINDSOCK_SHARED_DATA"] {
            folder = URL(filePath: path)
        } else {
            folder = try directory.deletingLastPathComponent().appending(path: "shared/data")
        }
        let file = folder.appending(path: name)
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw Missing(description: "\(file.path) does not exist; WINDSOCK_SHARED_DATA names another folder")
        }
        return file
    }
}
