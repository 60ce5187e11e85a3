import Crypto
import Foundation
import JWTKit

/// The gateway's own secret: signs and verifies HS256 tokens, and nothing else.
struct SecretKey: Sendable {
    private let key: SymmetricKey
    private let signer: JWTKeyCollection

    /// - Throws: ``TokenAuthority/WeakSecret`` when the secret could be guessed from one token.
    init(_ secret: String) async throws(TokenAuthority.WeakSecret) {
        guard secret.utf8.count >= TokenAuthority.minimumSecretByteCount else { throw TokenAuthority.WeakSecret() }
        key = SymmetricKey(data: Array(secret.utf8))
        signer = JWTKeyCollection()
        await signer.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
    }

    func sign(_ claims: AccessToken) async throws -> String {
        try await signer.sign(claims)
    }

    /// Whether the token's signature is this secret's; compared in constant time.
    func verifies(_ token: SignedToken) -> Bool {
        token.algorithm == .hs256
            && HMAC<SHA256>.isValidAuthenticationCode(token.signature, authenticating: token.signedBytes, using: key)
    }
}
