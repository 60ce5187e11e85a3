import Core
import TestSupport
import Testing

@testable import WebServer

/// Only the right key with its own algorithm produces a valid signature.
@Suite("Token signatures")
struct TokenSignatureTests {
    private let clock = SettableClock()

    private func authority(secret: String? = nil, _ keySet: String?) async throws -> TokenAuthority {
        // The file is read once at startup. The keys stay after the file is removed.
        let file = try keySet.map { try KeyFile($0) }
        defer { withExtendedLifetime(file) {} }
        return try await TokenAuthority(
            TokenConfiguration(secret: secret, keys: file?.source), clock: clock, logger: .silent)
    }

    @Test(
        "A token of every algorithm is verified with its own key only, with and without kid",
        arguments: TokenAlgorithm.allCases)
    func algorithms(_ algorithm: TokenAlgorithm) async throws {
        for id in ["k1", nil] {
            let key = try SigningKey.make(algorithm, id: id)
            let authority = try await authority(
                secret: algorithm == .hs256 ? TokenFixture.secret : nil,
                algorithm == .hs256 ? nil : TokenFixture.keySet([key]))
            #expect(try await authority.identity(of: key.token()).user == "anna")
            let other =
                algorithm == .hs256
                ? try SigningKey.make(.es256, id: id) : try SigningKey.make(.hs256, id: id)
            #expect(await TokenFixture.refusal(of: try other.token(), by: authority).reason.contains("alg"))
        }
    }

    @Test(
        "A signature by another key with the same algorithm and kid is rejected",
        arguments: [TokenAlgorithm.es256, .es384, .eddsa])
    func otherKey(_ algorithm: TokenAlgorithm) async throws {
        let known = try SigningKey.make(algorithm, id: "k")
        let authority = try await authority(TokenFixture.keySet([known]))
        let forged = try SigningKey.make(algorithm, id: "k").token()
        #expect(await TokenFixture.refusal(of: forged, by: authority) == .invalid("its signature is invalid"))
    }

    @Test("A changed payload is rejected", arguments: TokenAlgorithm.allCases)
    func changedPayload(_ algorithm: TokenAlgorithm) async throws {
        let key = try SigningKey.make(algorithm, id: "k")
        let authority = try await authority(
            secret: TokenFixture.secret,
            algorithm == .hs256 ? nil : TokenFixture.keySet([key]))
        var parts = try key.token().split(separator: ".").map(String.init)
        parts[1] = Base64URL.encode(Array(TokenFixture.claims(#""notify":true"#).utf8))
        #expect(
            await TokenFixture.refusal(of: parts.joined(separator: "."), by: authority)
                == .invalid("its signature is invalid"))
    }

    @Test("With a secret and a key set, both kinds of token are accepted")
    func both() async throws {
        let key = try SigningKey.make(.es256, id: "k")
        let authority = try await authority(secret: TokenFixture.secret, TokenFixture.keySet([key]))
        #expect(try await authority.identity(of: key.token()).user == "anna")
        #expect(try await authority.identity(of: SigningKey.make(.hs256).token()).user == "anna")
        // `kid` is ignored for the shared secret.
        #expect(try await authority.identity(of: SigningKey.make(.hs256, id: "k").token()).user == "anna")
        let issued = try authority.issue(user: "ben", join: [], lifetime: .seconds(9))
        #expect(try await authority.identity(of: issued).user == "ben")
    }

    @Test("An HS256 token signed with any text form of a public key is rejected")
    func algorithmConfusion() async throws {
        let key = try SigningKey.make(.rs256, id: "k")
        let set = TokenFixture.keySet([key])
        let modulus = try #require(key.members.split(separator: "\"").dropFirst(6).first).description
        for secret in [nil, TokenFixture.secret] {
            let authority = try await authority(secret: secret, set)
            for text in [set, key.jwk(), modulus] {
                let forged = try TokenAuthority(secret: text).issue(user: "eve", join: [], lifetime: .seconds(99))
                #expect(await TokenFixture.refusal(of: forged, by: authority) != nil)
            }
            let renamed = try key.token(header: #"{"alg":"HS256","kid":"k"}"#)
            #expect(await TokenFixture.refusal(of: renamed, by: authority) != nil)
        }
    }

    @Test("A symmetric key in a key set is ignored")
    func symmetricKeyInSet() async throws {
        let symmetric = try SigningKey.make(.hs256, id: "k")
        let set = TokenFixture.keySet([symmetric, try SigningKey.make(.es256, id: "e")])
        let authority = try await authority(set)
        #expect(await TokenFixture.refusal(of: try symmetric.token(), by: authority).reason.contains("HS256"))
    }

    @Test(
        "Missing or unknown algorithms and critical headers are rejected",
        arguments: [
            (#"{"alg":"none"}"#, "alg"), (#"{"alg":"None","kid":"k"}"#, "alg"), (#"{"alg":"es256","kid":"k"}"#, "alg"),
            (#"{"alg":"HS512","kid":"k"}"#, "alg"), (#"{"kid":"k"}"#, "alg"), (#"{"alg":["ES256"],"kid":"k"}"#, "alg"),
            (#"{"alg":"RS256","kid":"k"}"#, "alg"), (#"{"alg":"ES384","kid":"k"}"#, "alg"),
            (#"{"alg":"ES256","kid":"k","crit":["b64"],"b64":false}"#, "crit"), (#"{"alg":"ES256","kid":7}"#, "kid"),
            (#"{"alg":"ES256","kid":"other"}"#, "kid"), ("[]", "header"), ("{", "header"),
        ])
    func headers(_ header: String, _ named: String) async throws {
        let key = try SigningKey.make(.es256, id: "k")
        let authority = try await authority(secret: TokenFixture.secret, TokenFixture.keySet([key]))
        let token = try key.token(header: header)
        #expect(await TokenFixture.refusal(of: token, by: authority).reason.contains(named))
        let unsigned = token.prefix { $0 != "." } + "." + Base64URL.encode(Array(TokenFixture.claims().utf8)) + "."
        #expect(await TokenFixture.refusal(of: String(unsigned), by: authority).reason.contains(named))
    }

    @Test("A key embedded in the token is ignored")
    func embeddedKey() async throws {
        let key = try SigningKey.make(.es256, id: "k")
        let forger = try SigningKey.make(.es256, id: "k")
        let authority = try await authority(TokenFixture.keySet([key]))
        let token = try forger.token(
            header: #"{"alg":"ES256","kid":"k","jwk":\#(forger.jwk()),"jku":"http://127.0.0.1:1/jwks"}"#)
        #expect(await TokenFixture.refusal(of: token, by: authority) == .invalid("its signature is invalid"))
    }

    @Test("Without kid, a token is accepted only if one key is possible")
    func withoutKid() async throws {
        let keys = [
            try SigningKey.make(.es256, id: "a"), try SigningKey.make(.es256, id: "b"),
            try SigningKey.make(.eddsa, id: "c"),
        ]
        let authority = try await authority(TokenFixture.keySet(keys))
        let vague = try keys[0].token(header: #"{"alg":"ES256"}"#)
        #expect(await TokenFixture.refusal(of: vague, by: authority).reason.contains("no \"kid\""))
        #expect(try await authority.identity(of: keys[2].token(header: #"{"alg":"EdDSA"}"#)).user == "anna")
        #expect(try await authority.identity(of: keys[1].token()).user == "anna")
    }

    @Test("Malformed tokens and alternative encodings of a token are rejected")
    func forms() async throws {
        let key = try SigningKey.make(.hs256)
        let authority = try await authority(secret: TokenFixture.secret, nil)
        let token = try key.token()
        let wrong = [
            "", ".", "a.b", "a.b.c.d", "\(token).", ".\(token)", "\(token)=", " \(token)", "\(token)\n", "é.é.é",
        ]
        for text in wrong {
            #expect(await TokenFixture.refusal(of: text, by: authority).reason.contains("base64url"), "\(text)")
        }
        let long = try key.token(TokenFixture.claims(#""x":"\#(String(repeating: "x", count: 7000))""#))
        #expect(await TokenFixture.refusal(of: long, by: authority).reason.contains("8192"))
        #expect(await TokenFixture.refusal(of: token, by: authority) == nil)
    }

    @Test(
        "Each byte string has one base64url encoding",
        arguments: [
            ("", []), ("QQ", [65]), ("QUI", [65, 66]), ("-_8", [0xFB, 0xFF]), ("QR", nil), ("QUJ", nil), ("Q", nil),
            ("QQ==", nil), ("+/8", nil), ("Q Q", nil), ("QUJD\n", nil), ("é", nil),
        ] as [(String, [UInt8]?)])
    func base64(_ text: String, _ bytes: [UInt8]?) {
        #expect(Base64URL.decode(text) == bytes)
        if let bytes { #expect(Base64URL.encode(bytes) == text) }
    }
}
