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

/// The server in the role of an issuer of key sets.
extension ScriptedHTTPServer {
    /// The address of the key set. Its query is secret.
    var keySource: JWKSource { .url("http://127.0.0.1:\(port)/jwks.json?key=hidden") }

    static func start(serving keys: [SigningKey]) async throws -> ScriptedHTTPServer {
        try await start(then: .keySet(keys))
    }

    func serve(_ keys: [SigningKey]) { answer(with: .keySet(keys)) }
}

extension ScriptedHTTPServer.Answer {
    static func keySet(_ keys: [SigningKey]) -> Self { .text(TokenFixture.keySet(keys)) }

    static func text(_ text: String) -> Self { .status(200, body: Array(text.utf8)) }
}
