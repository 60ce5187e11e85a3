import Core
import Telemetry
import Testing

@testable import WebServer

/// A key set yields only the keys usable for verifying tokens and reports why it skips the others.
@Suite("Key sets")
struct KeySetTests {
    private static func keySet(_ jwks: [String]) async throws(TokenKeyError) -> KeySet {
        try KeySet(json: Array(TokenFixture.keySet(jwks).utf8))
    }

    @Test(
        "`use`, `key_ops` and `alg` of a key are respected",
        arguments: [
            (#""use":"sig""#, true), (#""use":"enc""#, false), (#""use":7"#, false),
            (#""key_ops":["verify"]"#, true), (#""key_ops":["sign","verify"]"#, true), (#""key_ops":["sign"]"#, false),
            (#""key_ops":"verify""#, false), (#""alg":"ES256""#, true), (#""alg":"ES384""#, false),
            (#""alg":"HS256""#, false), (#""alg":"RSA-OAEP""#, false), (#""x5t":"abc","ext":true"#, true),
        ])
    func members(_ further: String, _ usable: Bool) async throws {
        let key = try SigningKey.make(.es256, id: "k")
        let other = try SigningKey.make(.eddsa, id: "other")
        let set = try await Self.keySet([key.jwk(further), other.jwk()])
        #expect(set.keys.map(\.id) == (usable ? ["k", "other"] : ["other"]))
        #expect(set.skipped.count == (usable ? 0 : 1))
    }

    @Test(
        "Unsupported and invalid keys are skipped; the others are used",
        arguments: [
            #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#, #"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            #"{"kty":"EC","crv":"P-256","x":"AA"}"#, #"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
            #"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
            #"{"kty":"RSA","n":"","e":""}"#, #"{"kty":"oct","k":"AAAA"}"#, #"{"kty":"new"}"#, "{}", "7", "null",
            #"{"kty":"EC","crv":"P-256","x":"A+/=","y":"AA"}"#, #"{"kty":"EC","kid":7}"#,
        ])
    func unusable(_ jwk: String) async throws {
        let key = try SigningKey.make(.es384, id: "k")
        let set = try await Self.keySet([jwk, key.jwk()])
        #expect(set.keys.map(\.algorithm) == [.es384])
        #expect(set.skipped.first?.hasPrefix("keys[0]: ") == true)
        await #expect { try await Self.keySet([jwk]) } throws: { error in
            if case .noUsableKey = error as? TokenKeyError { true } else { false }
        }
    }

    @Test(
        "An Ed25519 key of small order, for which anyone can sign, is skipped",
        arguments: [
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "7P_______________________________________38",
            "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
            "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
            "7f_______________________________________38",
            "7v________________________________________8",
        ])
    func smallOrder(_ x: String) async throws {
        await #expect { try await Self.keySet([#"{"kty":"OKP","crv":"Ed25519","x":"\#(x)"}"#]) } throws: { error in
            guard case .noUsableKey(let reasons) = error as? TokenKeyError else { return false }
            return reasons.first?.contains("anybody can sign") == true
        }
    }

    @Test("Two keys may share a kid if their algorithms differ; otherwise the first one is used")
    func sharedKid() async throws {
        let first = try SigningKey.make(.es256, id: "k")
        let second = try SigningKey.make(.es256, id: "k")
        let edwards = try SigningKey.make(.eddsa, id: "k")
        let set = try await Self.keySet([first.jwk(), second.jwk(), edwards.jwk()])
        #expect(set.skipped.count == 1)
        guard case .found(let key) = set.key(id: "k", algorithm: .es256) else {
            Issue.record("no key")
            return
        }
        #expect(key.verifies(try SignedToken(first.token())))
        #expect(!key.verifies(try SignedToken(second.token())))
        guard case .found = set.key(id: "k", algorithm: .eddsa) else {
            Issue.record("no Edwards key")
            return
        }
    }

    @Test("A key rejects a token that states another algorithm, even with a valid signature")
    func statedAlgorithm() async throws {
        let key = try SigningKey.make(.es256, id: "k")
        let set = try await Self.keySet([key.jwk()])
        for stated in TokenAlgorithm.allCases {
            let token = try SignedToken(key.token(header: #"{"alg":"\#(stated.rawValue)"}"#))
            #expect(set.keys[0].verifies(token) == (stated == .es256))
        }
    }

    @Test("An invalid or oversized key set is rejected")
    func refused() async throws {
        let key = try SigningKey.make(.eddsa).jwk()
        await #expect(throws: TokenKeyError.tooManyKeys(101)) {
            try await Self.keySet(Array(repeating: key, count: 101))
        }
        #expect(try await Self.keySet(Array(repeating: key, count: 100)).keys.count == 100)
        for text in ["", "[]", "{}", #"{"keys":{}}"#, "<html>"] {
            #expect { try KeySet(json: Array(text.utf8)) } throws: { error in
                if case .malformed = error as? TokenKeyError { true } else { false }
            }
        }
    }

    @Test(
        "A source is a path or a URL, printed without secrets",
        arguments: [
            ("/etc/windsock/jwks.json", true), ("keys.json", true), ("https://id.example.org/jwks", true),
            ("HTTP://127.0.0.1:8080/jwks?x=y", true), ("ftp://example.org/jwks", false), ("https://", false),
            ("https://user:pass@example.org/jwks", false), ("", false),
        ])
    func sources(_ text: String, _ usable: Bool) {
        #expect(((try? JWKSource(text)) != nil) == usable)
        #expect((try? JWKSource("https://e.org/jwks?key=secret"))?.description == "https://e.org/jwks")
    }
}
