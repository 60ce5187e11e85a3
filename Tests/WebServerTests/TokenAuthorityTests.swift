import Core
import Foundation
import Telemetry
import Testing

@testable import WebServer

/// Tokens are accepted only when this gateway's key signed them, they are current, and their claims are valid.
@Suite("Tokens")
struct TokenAuthorityTests {
    private static let secret = "0123456789abcdef0123456789abcdef"

    private struct Clock: WallClock {
        var time: Double = 1_700_000_000
        func now() -> Timestamp { Timestamp(secondsSinceEpoch: time) ?? Timestamp(nanosecondsSinceEpoch: 0) }
    }

    private static func signed(_ claims: String, secret: String = secret) throws -> String {
        try SecretKey(secret).sign(Array(claims.utf8))
    }

    private static func claims(
        sub: String = "anna", exp: Double = 1_700_000_100, nbf: Double? = nil, join: String = "sensors/#"
    ) -> String {
        let start = nbf.map { #","nbf":\#($0)"# } ?? ""
        return #"{"sub":"\#(sub)","exp":\#(exp)\#(start),"join":["\#(join)"]}"#
    }

    @Test("An issued token is accepted, with user, grants and expiry")
    func roundTrip() async throws {
        let authority = try TokenAuthority(secret: Self.secret, clock: Clock())
        let token = try authority.issue(
            user: "anna", join: [try TopicFilter("sensors/+")], lifetime: .seconds(60))
        let identity = try await authority.identity(of: token)
        #expect(identity.user == "anna")
        #expect(identity.expiresAt.secondsSinceEpoch == 1_700_000_060)
        #expect(identity.grants.canJoin(try TopicFilter("sensors/a")))
        let later = try TokenAuthority(secret: Self.secret, clock: Clock(time: 1_700_000_061))
        await #expect(throws: AuthenticationError.expired) { try await later.identity(of: token) }
    }

    @Test("A token with another key or no algorithm, and a malformed one, is rejected")
    func refused() async throws {
        let authority = try TokenAuthority(secret: Self.secret, clock: Clock())
        func reason(_ token: String) async -> AuthenticationError? {
            do throws(AuthenticationError) {
                _ = try await authority.identity(of: token)
                return nil
            } catch {
                return error
            }
        }
        func isInvalid(_ token: String) async -> Bool {
            if case .invalid = await reason(token) { true } else { false }
        }
        #expect(await isInvalid(try Self.signed(Self.claims(), secret: "another-secret-another-secret-another")))
        #expect(await isInvalid("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIiwiZXhwIjoxNzAwMDAwMTAwfQ."))
        #expect(await isInvalid("nonsense"))
        #expect(await isInvalid(""))
        #expect(await isInvalid(try Self.signed(Self.claims(sub: "a/b"))))
        #expect(await isInvalid(try Self.signed(Self.claims(sub: ""))))
        #expect(await isInvalid(try Self.signed(Self.claims(join: "a/#/b"))))
        #expect(await isInvalid(try Self.signed(Self.claims(join: "$share/g/a"))))
        #expect(await reason(try Self.signed(Self.claims(exp: 1_699_999_999))) == .expired)
        #expect(await reason(try Self.signed(Self.claims(nbf: 1_700_000_031))) == .notYetValid)
        #expect(await reason(try Self.signed(Self.claims(nbf: 1_699_999_999))) == nil)
    }

    @Test("A short secret is rejected")
    func shortSecret() async {
        #expect(throws: TokenKeyError.weakSecret) { try TokenAuthority(secret: "short") }
    }
}
