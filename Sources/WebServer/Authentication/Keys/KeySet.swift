import JWTKit
import Telemetry

/// The public keys of a JWK Set (RFC 7517 section 5) that can verify tokens.
struct KeySet: Sendable {
    /// The largest number of keys in a set; larger sets are refused.
    static let maximumKeyCount = 100

    /// The result of looking up the key that a token names.
    enum Lookup {
        case found(VerificationKey)
        /// No key has this `kid`; a newer set may have it.
        case unknownID
        /// A key with this `kid` exists but has another algorithm, or no key has the algorithm at all.
        case otherAlgorithm
        /// The token names no key, and several keys fit.
        case ambiguous
    }

    let keys: [VerificationKey]
    /// The skipped keys with the reason for each. Contains nothing of a key but its index.
    let skipped: [String]

    /// Parses a JWK Set. Keys that are not for verifying tokens are skipped, as the RFC asks.
    ///
    /// An empty set is valid and revokes all keys. A set whose keys are all unusable is an error.
    init(json: [UInt8]) async throws(KeySetError.Problem) {
        let parsed: JSONValue
        do throws(JSONError) {
            parsed = try JSONParser.parse(json)
        } catch {
            throw .malformed("\(error)")
        }
        guard let entries = parsed["keys"]?.arrayValue else {
            throw .malformed("expected an object with an array \"keys\"")
        }
        guard entries.count <= Self.maximumKeyCount else { throw .tooManyKeys(entries.count) }
        var keys: [VerificationKey] = []
        var skipped: [String] = []
        for (index, entry) in entries.enumerated() {
            do throws(UnusableKey) {
                let key = try await VerificationKey(entry)
                if let id = key.id, keys.contains(where: { $0.id == id && $0.algorithm == key.algorithm }) {
                    throw UnusableKey("duplicate \"kid\" for the same algorithm")
                }
                keys.append(key)
            } catch {
                skipped.append("keys[\(index)]: \(error)")
            }
        }
        guard !keys.isEmpty || entries.isEmpty else { throw .noUsableKey(skipped) }
        self.keys = keys
        self.skipped = skipped
    }

    /// Returns the key that must verify a token with this header.
    func key(id: String?, algorithm: TokenAlgorithm) -> Lookup {
        guard let id else {
            let fitting = keys.filter { $0.algorithm == algorithm }
            guard let key = fitting.first else { return .otherAlgorithm }
            return fitting.count == 1 ? .found(key) : .ambiguous
        }
        let named = keys.filter { $0.id == id }
        if named.isEmpty { return .unknownID }
        return named.first { $0.algorithm == algorithm }.map(Lookup.found) ?? .otherAlgorithm
    }
}

/// A public key and the one algorithm that it verifies.
///
/// The algorithm follows from the key (RSA: RS256, P-256: ES256, P-384: ES384, Ed25519: EdDSA) and never from the
/// token, so that a token cannot choose how its signature is verified (RFC 8725 section 3.1).
struct VerificationKey: Sendable {
    /// The key's `kid`.
    let id: String?
    let algorithm: TokenAlgorithm
    private let verifier: any JWTAlgorithm

    /// Reads the public key of a JWK (RFC 7517 section 4). Private parameters are ignored if present.
    ///
    /// - Throws: ``UnusableKey`` when `use`, `key_ops` or `alg` do not allow verification, when the key type is not
    ///   supported, or when the parameters are not a valid key.
    init(_ jwk: JSONValue) async throws(UnusableKey) {
        guard jwk.objectValue != nil else { throw UnusableKey("it is \(jwk.kind), not an object") }
        switch jwk["kid"] {
        case nil: id = nil
        case .string(let text): id = text
        default: throw UnusableKey("its \"kid\" is not a string")
        }
        if let use = jwk["use"], use != .string("sig") { throw UnusableKey("its \"use\" is not \"sig\"") }
        if let operations = jwk["key_ops"], operations.arrayValue?.contains(.string("verify")) != true {
            throw UnusableKey("its \"key_ops\" does not contain \"verify\"")
        }
        algorithm = try Self.algorithm(of: jwk)
        if let stated = jwk["alg"], stated != .string(algorithm.rawValue) {
            throw UnusableKey("its \"alg\" is not supported for its key type; allowed: \(algorithm.rawValue)")
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
            throw UnusableKey("its parameters are not a valid key of its type (RSA keys need at least 2,048 bits)")
        }
    }

    /// Returns true when the token uses this key's algorithm and this key made its signature.
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

/// The reason that a key of a set is skipped: not meant for signatures, or of an unsupported type.
struct UnusableKey: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
