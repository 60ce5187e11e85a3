import TestSupport

@testable import WebServer

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
