/// The algorithms with which a token may be signed (RFC 7518 section 3.1, RFC 8037 section 3.1).
///
/// A closed list: `none` is not on it, so an unsigned token is refused before any key is looked at.
package enum TokenAlgorithm: String, CaseIterable, Sendable {
    /// HMAC with SHA-256 and the gateway's secret; never with a key of a key set.
    case hs256 = "HS256"
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2,048 bits or more.
    case rs256 = "RS256"
    /// ECDSA with P-256 and SHA-256.
    case es256 = "ES256"
    /// ECDSA with P-384 and SHA-384.
    case es384 = "ES384"
    /// Ed25519.
    case eddsa = "EdDSA"

    /// All names, for messages.
    static let names = allCases.map(\.rawValue).joined(separator: ", ")
}
