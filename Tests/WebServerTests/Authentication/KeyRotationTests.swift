import Core
import Foundation
import Logging
import Telemetry
import TestSupport
import Testing

@testable import WebServer

/// Keys change without a restart, and a failing source does not remove the current keys.
@Suite("Key rotation")
struct KeyRotationTests {
    private let clock = SettableClock()

    private func authority(
        _ source: JWKSource, interval: Duration = .seconds(600), logger: Logger = .silent
    ) async throws -> TokenAuthority {
        try await TokenAuthority(
            TokenConfiguration(keys: source, keyRefreshInterval: interval), clock: clock, logger: logger)
    }

    private func takes(_ key: SigningKey, _ authority: TokenAuthority) async throws -> Bool {
        let token = try key.token(TokenFixture.claims(exp: SettableClock.start + 100_000))
        return await TokenFixture.refusal(of: token, by: authority) == nil
    }

    // MARK: File

    @Test("A changed file is read at the next token: new keys are accepted, removed ones rejected")
    func changedFile() async throws {
        let (old, new) = (try SigningKey.make(.es256, id: "old"), try SigningKey.make(.eddsa, id: "new"))
        let file = try KeyFile(TokenFixture.keySet([old]))
        let authority = try await authority(file.source)
        #expect(try await takes(old, authority))
        #expect(try await !takes(new, authority))
        try file.write(TokenFixture.keySet([old, new]))
        #expect(try await takes(new, authority))
        #expect(try await takes(old, authority))
        try file.write(TokenFixture.keySet([new]))
        #expect(try await !takes(old, authority))
        #expect(try await takes(new, authority))
    }

    @Test("A file behind a symbolic link is read again when the link changes, as with mounted secrets")
    func movedLink() async throws {
        let (old, new) = (try SigningKey.make(.es256, id: "k"), try SigningKey.make(.es256, id: "k"))
        let (first, second) = (try KeyFile(TokenFixture.keySet([old])), try KeyFile(TokenFixture.keySet([new])))
        let link = first.path + ".link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: first.path)
        let authority = try await authority(.file(link))
        #expect(try await takes(old, authority))
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: second.path)
        #expect(try await takes(new, authority))
        #expect(try await !takes(old, authority))
    }

    @Test(
        "An invalid, empty or missing file keeps the old keys; a valid set without keys revokes them",
        arguments: [
            ("{", true), ("", true), (#"{"keys":[{"kty":"new"}]}"#, true), (nil, true), (#"{"keys":[]}"#, false),
        ])
    func brokenFile(_ text: String?, _ stays: Bool) async throws {
        let key = try SigningKey.make(.es256, id: "k")
        let file = try KeyFile(TokenFixture.keySet([key]))
        let authority = try await authority(file.source)
        if let text { try file.write(text) } else { try file.remove() }
        #expect(try await takes(key, authority) == stays)
        try file.write(TokenFixture.keySet([key]))
        #expect(try await takes(key, authority))
    }

    // MARK: Address

    @Test("An unknown kid triggers a refresh, at most once in 30 s")
    func unknownKid() async throws {
        let (old, new) = (try SigningKey.make(.es256, id: "old"), try SigningKey.make(.es384, id: "new"))
        let server = try await ScriptedHTTPServer.start(serving: [old])
        let authority = try await authority(server.keySource)
        for _ in 0..<5 { #expect(try await takes(old, authority)) }
        #expect(server.requests.count == 1)
        for _ in 0..<5 { #expect(try await !takes(new, authority)) }
        #expect(server.requests.count == 2)
        server.serve([old, new])
        clock.advance(by: .seconds(29))
        #expect(try await !takes(new, authority))
        clock.advance(by: .seconds(1))
        #expect(try await takes(new, authority))
        #expect(try await takes(old, authority))
        #expect(server.requests.count == 3)
    }

    @Test("A known kid with a wrong signature or algorithm triggers no refresh")
    func wrongSignature() async throws {
        let key = try SigningKey.make(.es256, id: "k")
        let server = try await ScriptedHTTPServer.start(serving: [key])
        let authority = try await authority(server.keySource)
        #expect(try await !takes(SigningKey.make(.es256, id: "k"), authority))
        #expect(try await !takes(SigningKey.make(.eddsa, id: "k"), authority))
        #expect(try await !takes(SigningKey.make(.hs256, id: "new"), authority))
        #expect(server.requests.count == 1)
    }

    @Test("After the refresh interval, a revoked key is rejected")
    func revoked() async throws {
        let (old, new) = (try SigningKey.make(.es256, id: "old"), try SigningKey.make(.es256, id: "new"))
        let server = try await ScriptedHTTPServer.start(serving: [old])
        let authority = try await authority(server.keySource)
        server.serve([new])
        clock.advance(by: .seconds(599))
        #expect(try await takes(old, authority))
        clock.advance(by: .seconds(1))
        #expect(try await !takes(old, authority))
        #expect(try await takes(new, authority))
    }

    @Test("Many tokens with a new key share one refresh")
    func singleFlight() async throws {
        let (old, new) = (try SigningKey.make(.es256, id: "old"), try SigningKey.make(.es256, id: "new"))
        let server = try await ScriptedHTTPServer.start(serving: [old])
        let authority = try await authority(server.keySource)
        server.serve([new])
        server.hold()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 { group.addTask { try await takes(new, authority) } }
            try await eventually("the key set was requested") { server.requests.count == 2 }
            server.release()
            for try await taken in group { #expect(taken) }
        }
        #expect(server.requests.count == 2)
    }

    @Test("After the refresh interval, many tokens share one refresh")
    func singleFlightOfInterval() async throws {
        let (old, new) = (try SigningKey.make(.es256, id: "k"), try SigningKey.make(.es256, id: "k"))
        let server = try await ScriptedHTTPServer.start(serving: [old])
        let authority = try await authority(server.keySource)
        server.serve([new])
        server.hold()
        clock.advance(by: .seconds(600))
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 { group.addTask { try await takes(new, authority) } }
            try await eventually("the key set was requested") { server.requests.count >= 2 }
            server.release()
            for try await taken in group { #expect(taken) }
        }
        #expect(server.requests.count == 2)
    }

    @Test("A redirect is not followed: keys come from the configured URL only")
    func redirect() async throws {
        let (key, other) = (try SigningKey.make(.es256, id: "k"), try SigningKey.make(.es256, id: "other"))
        let (server, elsewhere) = (
            try await ScriptedHTTPServer.start(serving: [key]), try await ScriptedHTTPServer.start(serving: [other])
        )
        let authority = try await authority(server.keySource)
        guard case .url(let address) = elsewhere.keySource else { return }
        server.answer(with: .status(302, headers: [("location", address)]))
        #expect(try await !takes(other, authority))
        #expect(server.requests.count == 2)
        #expect(elsewhere.requests.isEmpty)
        #expect(try await takes(key, authority))
    }

    @Test(
        "A failed refresh keeps the old keys, and logs the reason without the token or the query",
        arguments: [
            ScriptedHTTPServer.Answer.status(500), .text("<html>"),
            .status(302, headers: [("location", "http://127.0.0.1:1/")]),
            .text(#"{"keys":["# + String(repeating: " ", count: 300_000) + "]}"),
        ])
    func failingServer(_ answer: ScriptedHTTPServer.Answer) async throws {
        let key = try SigningKey.make(.es256, id: "k")
        let server = try await ScriptedHTTPServer.start(serving: [key])
        let log = LogRecorder()
        let authority = try await authority(server.keySource, logger: log.logger)
        server.answer(with: answer)
        clock.advance(by: .seconds(600))
        #expect(try await takes(key, authority))
        #expect(log.text.contains("the old keys remain"))
        #expect(log.text.contains("/jwks.json could not be loaded"))
        #expect(!log.text.contains("hidden"))
        #expect(!log.text.contains(try key.token().prefix(20)))
    }

    @Test("After a failed refresh, the next one is after 30 s, runs in the background and recovers")
    func recovery() async throws {
        let (old, new) = (try SigningKey.make(.es256, id: "old"), try SigningKey.make(.es256, id: "new"))
        let server = try await ScriptedHTTPServer.start(serving: [old])
        let log = LogRecorder()
        let authority = try await authority(server.keySource, logger: log.logger)
        server.answer(with: .status(503))
        clock.advance(by: .seconds(600))
        #expect(try await takes(old, authority))
        #expect(server.requests.count == 2)
        server.serve([new])
        clock.advance(by: .seconds(29))
        #expect(try await takes(old, authority))
        #expect(server.requests.count == 2)
        server.hold()
        clock.advance(by: .seconds(1))
        // Answered although the refresh that it triggered is held and has not timed out.
        #expect(try await takes(old, authority))
        #expect(log.lines(with: "could not be loaded").count == 1)
        server.release()
        try await eventually("the new key is accepted") { try await takes(new, authority) }
        #expect(try await !takes(old, authority))
    }

    @Test("A missing or incomplete response ends with the timeout", arguments: [true, false])
    func timeout(_ silent: Bool) async throws {
        let server = try await ScriptedHTTPServer.start(then: silent ? .hang : .endless(status: 200))
        let loader = KeySetLoader(timeout: .milliseconds(300))
        await #expect(throws: TokenKeyError.timedOut(.milliseconds(300))) {
            try await withDeadline("the request ended") { try await loader.load(server.keySource) }
        }
    }

    @Test(
        "At start-up, a source without usable keys is an error that names it",
        arguments: [
            (#"{"keys":[]}"#, "no keys"), ("nonsense", "not a JWK Set"),
            (#"{"keys":[{"kty":"new"}]}"#, "keys[0]: it is not an RSA"),
            (String(repeating: " ", count: 262_145), "262144 bytes"),
        ])
    func start(_ text: String, _ named: String) async throws {
        let file = try KeyFile(text)
        let server = try await ScriptedHTTPServer.start(then: .text(text))
        for source in [file.source, server.keySource] {
            await #expect { try await authority(source) } throws: { error in
                "\(error)".contains(named) && "\(error)".contains("\(source)")
            }
        }
    }

    @Test("At start-up, an unreachable server is an error")
    func unreachable() async throws {
        let port = try FreePort.reserve()
        await #expect { try await authority(.url("http://127.0.0.1:\(port)/jwks")) } throws: { error in
            "\(error)".contains("http://127.0.0.1:\(port)/jwks could not be loaded")
        }
    }
}
