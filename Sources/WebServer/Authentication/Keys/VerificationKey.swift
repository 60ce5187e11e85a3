import JWTKit
import Telemetry

/// A public key and the one algorithm that it verifies.
///
/// The algorithm follows from the key (RSA: RS256, P-256: ES256, P-384: ES384, Ed25519: EdDSA) and never from the
/// token, so that no token chooses how its signature is looked at (RFC 8725 section 3.1).
struct VerificationKey: Sendable {
    /// The key's `kid`.
    let id: String?
    let algorithm: TokenAlgorithm
    private let verifier: any JWTAlgorithm

    /// The key of a JWK (RFC 7517 section 4). Its private parts, if somebody put them there, are not read.
    ///
    /// - Throws: ``UnusableKey`` when its `use`, `key_ops` or `alg` is not for this, when its kind is not supported, or
    ///   when its numbers are no key.
    init(_ jwk: JSONValue) async throws(UnusableKey) {
        guard jwk.objectValue != nil else { throw UnusableKey("it is \(jwk.kind), not an object") }
        switch jwk["kid"] {
        case nil: id = nil
        case .string(let text): id = text
        default: throw UnusableKey("its \"kid\" is not a string")
        }
        if let use = jwk["use"], use != .string("sig") { throw UnusableKey("its \"use\" is not \"sig\"") }
        if let operations = jwk["key_ops"], operations.arrayValue?.contains(.string("verify")) != true {
            throw UnusableKey("its \"key_ops\" do not hold \"verify\"")
        }
        algorithm = try Self.algorithm(of: jwk)
        if let stated = jwk["alg"], stated != .string(algorithm.rawValue) {
            throw UnusableKey("its \"alg\" is not \(algorithm.rawValue), the only one supported for such keys")
        }
        let keys = JWTKeyCollection()
        do {
            switch algorithm {
            case .hs256: throw UnusableKey("it is a shared secret")
            case .rs256:
                let key = try Insecure.RSA.PublicKey(
                    modulus: Self.text("n", of: jwk), exponent: Self.text("e", of: jwk))
                await keys.add(rsa: key, digestAlgorithm: .sha256)
            case .es256: await keys.add(ecdsa: try ES256PublicKey(parameters: Self.point(of: jwk)))
            case .es384: await keys.add(ecdsa: try ES384PublicKey(parameters: Self.point(of: jwk)))
            case .eddsa: await keys.add(eddsa: try EdDSA.PublicKey(x: Self.text("x", of: jwk), curve: .ed25519))
            }
            verifier = try await keys.getKey()
        } catch let error as UnusableKey {
            throw error
        } catch {
            throw UnusableKey("its numbers are no key of its kind (RSA keys need 2,048 bits or more)")
        }
    }

    /// Whether the token is of this key's algorithm and its signature is this key's.
    func verifies(_ token: SignedToken) -> Bool {
        guard token.algorithm == algorithm else { return false }
        return (try? verifier.verify(token.signature, signs: token.signedBytes)) ?? false
    }

    private static func algorithm(of jwk: JSONValue) throws(UnusableKey) -> TokenAlgorithm {
        switch (jwk["kty"]?.stringValue, jwk["crv"]?.stringValue) {
        case ("RSA", _): .rs256
        case ("EC", "P-256"): .es256
        case ("EC", "P-384"): .es384
        case ("OKP", "Ed25519"): .eddsa
        default: throw UnusableKey("it is not an RSA, P-256, P-384 or Ed25519 key")
        }
    }

    private static func text(_ name: String, of jwk: JSONValue) throws(UnusableKey) -> String {
        guard let text = jwk[name]?.stringValue, Base64URL.decode(text)?.isEmpty == false else {
            throw UnusableKey("its \"\(name)\" is not base64url")
        }
        return text
    }

    private static func point(of jwk: JSONValue) throws(UnusableKey) -> ECDSAParameters {
        (x: try text("x", of: jwk), y: try text("y", of: jwk))
    }
}
