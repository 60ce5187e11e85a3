import Core
import Telemetry
import TestSupport
import Testing

@testable import WebServer

/// A valid signature is not enough: the claims must be well-formed, current and meant for this gateway.
@Suite("Token claims")
struct TokenClaimsTests {
    private let clock = SettableClock()

    private func refusal(
        _ payload: String, issuer: String? = nil, audiences: [String] = []
    ) async throws -> AuthenticationError? {
        let authority = try await TokenAuthority(
            TokenConfiguration(secret: TokenFixture.secret, issuer: issuer, audiences: audiences),
            clock: clock, logger: .silent)
        return await TokenFixture.refusal(of: try SigningKey.make(.hs256).token(payload), by: authority)
    }

    @Test(
        "A malformed claim is rejected by name",
        arguments: [
            (#"{"exp":1700000100}"#, "sub"), (#"{"sub":"","exp":1700000100}"#, "sub"),
            (#"{"sub":"a/b","exp":1700000100}"#, "sub"), (#"{"sub":7,"exp":1700000100}"#, "sub"),
            (#"{"sub":"+","exp":1700000100}"#, "sub"), (#"{"sub":"a"}"#, "exp"), (#"{"sub":"a","exp":null}"#, "exp"),
            (#"{"sub":"a","exp":"1700000100"}"#, "exp"), (TokenFixture.claims(#""nbf":"now""#), "nbf"),
            (TokenFixture.claims(#""iss":7"#), "iss"), (TokenFixture.claims(#""aud":[7]"#), "aud"),
            (TokenFixture.claims(#""aud":{}"#), "aud"), (TokenFixture.claims(#""notify":"yes""#), "notify"),
            (TokenFixture.claims(#""notify":1"#), "notify"), (TokenFixture.claims(#""publish":"chat/#""#), "publish"),
            (TokenFixture.claims(#""publish":["a/#/b"]"#), "publish"),
            (#"{"sub":"a","exp":1700000100,"join":[""]}"#, "join"),
            (#"{"sub":"a","exp":1700000100,"join":["$share/g/a"]}"#, "join"),
            (#"{"sub":"a","exp":1700000100,"join":[7]}"#, "join"),
            (#"{"sub":"a","sub":"b","exp":1700000100}"#, "payload"), ("[]", "payload"), ("{", "payload"),
            ("", "payload"),
        ])
    func forms(_ payload: String, _ named: String) async throws {
        #expect(try await refusal(payload).reason.contains(named))
    }

    @Test("`exp` is exact to the second, `nbf` has 30 s of leeway")
    func times() async throws {
        let now = SettableClock.start
        #expect(try await refusal(TokenFixture.claims(exp: now)) == .expired)
        #expect(try await refusal(TokenFixture.claims(exp: now - 1)) == .expired)
        #expect(try await refusal(TokenFixture.claims(exp: now + 1)) == nil)
        #expect(try await refusal(TokenFixture.claims(exp: 9_999_999_999)) == nil)
        #expect(try await refusal(#"{"sub":"anna","exp":1e300}"#) == nil)
        #expect(try await refusal(#"{"sub":"anna","exp":-1e300}"#) == .expired)
        #expect(try await refusal(TokenFixture.claims(#""nbf":\#(now - 1)"#)) == nil)
        #expect(try await refusal(TokenFixture.claims(#""nbf":\#(now + 30)"#)) == nil)
        #expect(try await refusal(TokenFixture.claims(#""nbf":\#(now + 31)"#)) == .notYetValid)
    }

    @Test("The issuer must equal the configured one exactly")
    func issuer() async throws {
        let issuer = "https://id.example.org"
        #expect(try await refusal(TokenFixture.claims(#""iss":"\#(issuer)""#), issuer: issuer) == nil)
        for wrong in [#""iss":"\#(issuer)/""#, #""iss":"HTTPS://id.example.org""#, #""iss":"""#, ""] {
            #expect(try await refusal(TokenFixture.claims(wrong), issuer: issuer).reason.contains("iss"))
        }
        #expect(try await refusal(TokenFixture.claims(#""iss":"anybody""#)) == nil)
    }

    @Test(
        "At least one audience must be a configured one",
        arguments: [
            (#""aud":"windsock""#, true), (#""aud":["other","windsock"]"#, true), (#""aud":["gateway"]"#, true),
            (#""aud":"other""#, false), (#""aud":["other"]"#, false), (#""aud":[]"#, false), ("", false),
            (#""aud":"Windsock""#, false),
        ])
    func audience(_ claim: String, _ taken: Bool) async throws {
        let reason = try await refusal(TokenFixture.claims(claim), audiences: ["windsock", "gateway"])
        #expect((reason == nil) == taken)
        #expect(taken || reason.reason.contains("aud"))
        #expect(try await refusal(TokenFixture.claims(claim)) == nil)
    }

    @Test("A claim holds at most 256 filters", arguments: ["join", "publish"])
    func filterLimit(_ claim: String) async throws {
        func payload(_ count: Int) -> String {
            let filters = (0..<count).map { #""r/\#($0)""# }.joined(separator: ",")
            return #"{"sub":"anna","exp":1700000100,"\#(claim)":[\#(filters)]}"#
        }
        #expect(try await refusal(payload(256)) == nil)
        #expect(try await refusal(payload(257)).reason.contains("256"))
    }

    @Test("An issued token is accepted, with issuer, audience and grants")
    func issued() async throws {
        let configuration = TokenConfiguration(
            secret: TokenFixture.secret, issuer: "me", audiences: ["windsock", "other"], telemetryRoots: ["sensors"])
        let authority = try await TokenAuthority(configuration, clock: clock, logger: .silent)
        let all = [try TopicFilter("#")]
        let token = try authority.issue(
            user: "anna", join: all, publish: all, notify: true, lifetime: .seconds(60))
        let identity = try await authority.identity(of: token)
        #expect(identity.expiresAt.secondsSinceEpoch == Double(SettableClock.start + 60))
        #expect(identity.grants.canNotify)
        #expect(identity.grants.canPublish(to: try TopicFilter("chat/ops")))
        #expect(!identity.grants.canPublish(to: try TopicFilter("sensors/a")))
        clock.advance(by: .seconds(60))
        #expect(await TokenFixture.refusal(of: token, by: authority) == .expired)
    }

    @Test("Missing keys, a weak secret and issuing without a secret are errors")
    func setup() async throws {
        func failure(_ configuration: TokenConfiguration) async -> String {
            do throws(TokenKeyError) {
                _ = try await TokenAuthority(configuration, clock: clock, logger: .silent)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(await failure(TokenConfiguration()).contains("secret"))
        #expect(await failure(TokenConfiguration(secret: "short")).contains("32 bytes"))
        #expect(await failure(TokenConfiguration(keys: .file("/no/such/file"))).contains("/no/such/file"))
        let file = try KeyFile(TokenFixture.keySet([try SigningKey.make(.es256, id: "k")]))
        let authority = try await TokenAuthority(
            TokenConfiguration(keys: file.source), clock: clock, logger: .silent)
        #expect(throws: TokenKeyError.noSecret) {
            try authority.issue(user: "anna", join: [], lifetime: .seconds(1))
        }
    }
}
