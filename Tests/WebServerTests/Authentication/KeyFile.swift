import Foundation

@testable import WebServer

/// A key set file in a temporary folder of its own.
final class KeyFile: Sendable {
    private let folder: URL

    var path: String { folder.appendingPathComponent("jwks.json").path }
    var source: JWKSource { .file(path) }

    init(_ text: String) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("windsock-keys-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try write(text)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    func remove() throws {
        try FileManager.default.removeItem(atPath: path)
    }
}
