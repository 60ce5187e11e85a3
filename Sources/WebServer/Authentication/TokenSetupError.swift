/// Why a ``TokenAuthority`` cannot be set up.
package enum TokenSetupError: Error, CustomStringConvertible {
    /// Neither a secret nor a source of keys: no token could ever be valid.
    case noKeys
    case weakSecret(TokenAuthority.WeakSecret)
    case keys(KeySetError)

    package var description: String {
        switch self {
        case .noKeys: "A JWT secret, a source of token keys (a JWK Set), or both are needed."
        case .weakSecret(let error): "\(error)"
        case .keys(let error): "\(error)"
        }
    }
}
