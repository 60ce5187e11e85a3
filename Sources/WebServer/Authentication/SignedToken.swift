import Core

/// A parsed token whose signature has not been verified: the compact form of a signed JWT (RFC 7515 section 7.1).
///
/// Only `alg`, `kid` and `crit` of the header are read. Keys and key URLs inside the token (`jwk`, `jku`, `x5c`, `x5u`)
/// are ignored.
struct SignedToken: Sendable {
    /// The longest token in bytes; longer ones are refused before parsing.
    static let maximumByteCount = 8 * 1024

    let algorithm: TokenAlgorithm
    /// The header's `kid`: the id of the signing key.
    let keyID: String?
    /// The signing input: header and payload exactly as they stand in the token.
    let signedBytes: [UInt8]
    let payload: [UInt8]
    let signature: [UInt8]

    /// Parses the token.
    ///
    /// - Throws: ``AuthenticationError/invalid(_:)`` with a reason that quotes nothing of the token.
    init(_ text: String) throws(AuthenticationError) {
        guard text.utf8.count <= Self.maximumByteCount else {
            throw .invalid("it has \(text.utf8.count) bytes; allowed: at most \(Self.maximumByteCount)")
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .invalid("expected three base64url parts separated by dots") }
        guard let fields = try? JSONParser.parse(header), fields.objectValue != nil else {
            throw .invalid("its header is not a JSON object")
        }
        guard let algorithm = fields["alg"]?.stringValue.flatMap(TokenAlgorithm.init(rawValue:)) else {
            throw .invalid("its \"alg\" is not supported; allowed: \(TokenAlgorithm.names)")
        }
        // Critical extensions must be understood, and none is supported (RFC 7515 section 4.1.11).
        guard fields["crit"] == nil else { throw .invalid("its \"crit\" header is not supported") }
        switch fields["kid"] {
        case nil: keyID = nil
        case .string(let id): keyID = id
        default: throw .invalid("its \"kid\" is not a string")
        }
        self.algorithm = algorithm
        self.payload = payload
        self.signature = signature
        self.signedBytes = Array("\(parts[0]).\(parts[1])".utf8)
    }
}

/// The accepted signature algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1).
///
/// A closed list without `none`, so an unsigned token is refused before any key lookup.
package enum TokenAlgorithm: String, CaseIterable, Sendable {
    /// HMAC with SHA-256 and the gateway's secret, never with a key from a key set.
    case hs256 = "HS256"
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of at least 2,048 bits.
    case rs256 = "RS256"
    /// ECDSA with P-256 and SHA-256.
    case es256 = "ES256"
    /// ECDSA with P-384 and SHA-384.
    case es384 = "ES384"
    /// Ed25519.
    case eddsa = "EdDSA"

    /// All names, for error messages.
    static let names = allCases.map(\.rawValue).joined(separator: ", ")
}
