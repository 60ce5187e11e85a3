/// An error in the keys of tokens: in the secret, or in the set of public keys.
package enum TokenKeyError: Error, Equatable, CustomStringConvertible {
    /// Neither a secret nor a key source is configured, so no token could ever be valid.
    case noKeys
    /// No secret is configured that could sign a token.
    case noSecret
    /// The secret has less than ``TokenAuthority/minimumSecretByteCount`` bytes.
    case weakSecret
    /// The text is neither a path nor an accepted URL of a key set.
    case invalidSource
    /// The key set could not be loaded for one of the reasons below.
    indirect case notLoaded(JWKSource, TokenKeyError)

    /// The file or the server could not be read.
    case unreadable(String)
    /// The server answered with a status other than 200.
    case status(Int)
    case timedOut(Duration)
    case tooLarge(maxBytes: Int)
    /// The content is not JSON, or not a JWK Set.
    case malformed(String)
    case tooManyKeys(Int)
    /// The set has keys, but all of them were skipped for the given reasons.
    case noUsableKey([String])
    /// The set is empty. At start-up this is treated as a mistake.
    case empty

    /// A key of a set is skipped: not meant for signatures, of an unsupported type, malformed, or a duplicate.
    case unusableKey(String)

    package var description: String {
        switch self {
        case .noKeys: "A JWT secret or a source of token keys (a JWK Set) is required; both are allowed."
        case .noSecret: "Issuing tokens requires a JWT secret."
        case .weakSecret: "The JWT secret must have at least \(TokenAuthority.minimumSecretByteCount) bytes."
        case .invalidSource:
            "Expected a path, or an http or https URL without user and password, "
                + "such as https://id.example.org/.well-known/jwks.json."
        case .notLoaded(let source, let reason): "The token keys from \(source) could not be loaded: \(reason)."
        case .unreadable(let why): why
        case .status(let status): "the server answered \(status); expected 200 (redirects are not followed)"
        case .timedOut(let limit): "the request timed out after \(limit)"
        case .tooLarge(let maxBytes): "the key set is too large; allowed: at most \(maxBytes) bytes"
        case .malformed(let why): "not a JWK Set: \(why)"
        case .tooManyKeys(let count): "too many keys (\(count)); allowed: at most \(KeySet.maximumKeyCount)"
        case .noUsableKey(let reasons): "none of the keys is usable (\(reasons.joined(separator: "; ")))"
        case .empty: "the key set has no keys"
        case .unusableKey(let why): why
        }
    }
}
