import Foundation
import TestSupport

@testable import WebServer

/// A key set file in a temporary folder of its own.
final class KeyFile: Sendable {
    private let folder: TemporaryFolder

    var path: String { folder.url.appending(path: "jwks.json").path }
    var source: JWKSource { .file(path) }

    init(_ text: String) throws {
        folder = try TemporaryFolder()
        try write(text)
    }

    func write(_ text: String) throws {
        try folder.write(text, to: "jwks.json")
    }

    func remove() throws {
        try FileManager.default.removeItem(atPath: path)
    }
}
