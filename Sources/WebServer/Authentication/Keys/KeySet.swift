import Core
import Foundation
import OpenSSL
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
    /// The reasons for skipping keys, one text for each skipped key. The text names the key by its index only.
    let skipped: [String]

    /// Parses a JWK Set. Keys that are not for verifying tokens are skipped, as the RFC asks.
    ///
    /// An empty set is valid and revokes all keys. A set whose keys are all unusable is an error.
    init(json: [UInt8]) throws(TokenKeyError) {
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
            do throws(TokenKeyError) {
                let key = try VerificationKey(entry)
                if let id = key.id, keys.contains(where: { $0.id == id && $0.algorithm == key.algorithm }) {
                    throw .unusableKey("duplicate \"kid\" for the same algorithm")
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

    /// Looks up the key that must verify a token with this `kid` and `alg`.
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
    private let key: PublicKey

    /// Reads the public key of a JWK (RFC 7517 section 4). Private parameters are ignored if present.
    ///
    /// - Throws: ``TokenKeyError/unusableKey(_:)`` when `use`, `key_ops` or `alg` do not allow verification, when the
    ///   key type is not supported, or when the parameters are not a valid key.
    init(_ jwk: JSONValue) throws(TokenKeyError) {
        guard jwk.objectValue != nil else { throw .unusableKey("it is \(jwk.kind), not an object") }
        switch jwk["kid"] {
        case nil: id = nil
        case .string(let text): id = text
        default: throw .unusableKey("its \"kid\" is not a string")
        }
        if let use = jwk["use"], use != .string("sig") { throw .unusableKey("its \"use\" is not \"sig\"") }
        if let operations = jwk["key_ops"], operations.arrayValue?.contains(.string("verify")) != true {
            throw .unusableKey("its \"key_ops\" does not contain \"verify\"")
        }
        algorithm = try Self.algorithm(of: jwk)
        if let stated = jwk["alg"], stated != .string(algorithm.rawValue) {
            throw .unusableKey("its \"alg\" is not supported for its key type; allowed: \(algorithm.rawValue)")
        }
        let key: PublicKey?
        switch algorithm {
        case .hs256: throw .unusableKey("it is a shared secret")
        case .rs256:
            key = PublicKey(rsaModulus: try Self.bytes("n", of: jwk), exponent: try Self.bytes("e", of: jwk))
        case .es256: key = PublicKey(.p256, point: try Self.point(of: jwk))
        case .es384: key = PublicKey(.p384, point: try Self.point(of: jwk))
        case .eddsa:
            let bytes = try Self.bytes("x", of: jwk)
            guard !SmallOrderPoint.isOne(bytes) else {
                throw .unusableKey("anybody can sign for its \"x\"")
            }
            key = PublicKey(ed25519: bytes)
        }
        guard let key else {
            throw .unusableKey("its parameters are not a valid key of its type (RSA keys have 2,048 to 8,192 bits)")
        }
        self.key = key
    }

    /// Returns true when the token uses this key's algorithm and this key made its signature.
    func verifies(_ token: SignedToken) -> Bool {
        token.algorithm == algorithm && key.verifies(token.signature, of: token.signedBytes)
    }

    private static func algorithm(of jwk: JSONValue) throws(TokenKeyError) -> TokenAlgorithm {
        switch (jwk["kty"]?.stringValue, jwk["crv"]?.stringValue) {
        case ("RSA", _): .rs256
        case ("EC", "P-256"): .es256
        case ("EC", "P-384"): .es384
        case ("OKP", "Ed25519"): .eddsa
        default: throw .unusableKey("it is not an RSA, P-256, P-384 or Ed25519 key")
        }
    }

    private static func bytes(_ name: String, of jwk: JSONValue) throws(TokenKeyError) -> [UInt8] {
        guard let bytes = jwk[name]?.stringValue.flatMap({ Base64URL.decode($0) }), !bytes.isEmpty else {
            throw .unusableKey("its \"\(name)\" is not base64url")
        }
        return bytes
    }

    /// Returns the uncompressed point of an EC key (SEC 1 section 2.3.3). Both coordinates have the curve's full length
    /// (RFC 7518 section 6.2.1.2), so they are equally long.
    private static func point(of jwk: JSONValue) throws(TokenKeyError) -> [UInt8] {
        let (x, y) = (try bytes("x", of: jwk), try bytes("y", of: jwk))
        guard x.count == y.count else { throw .unusableKey("its \"x\" and \"y\" differ in length") }
        return [4] + x + y
    }
}

/// The points of Ed25519 for which signatures can be made without a private key.
private enum SmallOrderPoint {
    /// The y coordinates, little-endian (RFC 8032 section 5.1.2): 0, 1, -1 and the two of order 8.
    private static let coordinates: Set<[UInt8]> = [
        [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31),
        [0xEC] + [UInt8](repeating: 0xFF, count: 30) + [0x7F],
        [
            0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5, 0xDF,
            0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
        ],
        [
            0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A, 0x20,
            0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
        ],
    ]

    /// Returns true for the encoding of such a point, and for coordinates that are not reduced, which encode some of
    /// them a second time.
    static func isOne(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == 32 else { return false }
        // The highest bit is the sign of x.
        var y = bytes
        y[31] &= 0x7F
        let isReduced = y[31] != 0x7F || y[0] < 0xED || y[1..<31].contains { $0 != 0xFF }
        return !isReduced || coordinates.contains(y)
    }
}
