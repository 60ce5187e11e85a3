import Foundation
import JWTKit
package import Logging
package import Telemetry

/// Signs tokens and tells whose a token is.
///
/// ```
/// token ─ SignedToken ─ alg = HS256 ── SecretKey ─┐
///         (8 KiB, form)  else by kid ── KeyRing ──┴─ signature ─ TokenClaims ─ iss, aud, exp, nbf ─ Identity
/// ```
/// HS256 tokens are compared with the secret only, all others with public keys only, and each key with its own
/// algorithm only: nobody can pass a public key off as a secret (RFC 8725 section 2.1).
package struct TokenAuthority: Sendable {
    /// Shorter secrets could be guessed from one token (RFC 7518 section 3.2).
    package static let minimumSecretByteCount = 32

    /// A secret that is too short.
    package struct WeakSecret: Error, CustomStringConvertible {
        package var description: String {
            "The JWT secret must have at least \(TokenAuthority.minimumSecretByteCount) bytes."
        }
    }

    /// A token was to be issued without a secret to sign it with.
    package struct NoSecret: Error, CustomStringConvertible {
        package var description: String { "Tokens can be issued only with a JWT secret." }
    }

    private let secret: SecretKey?
    private let ring: KeyRing?
    private let configuration: TokenConfiguration
    private let clock: any WallClock

    /// Loads the keys of the key set anew, if there is one; the old ones stay when that fails, and the log says so.
    package func reloadKeys() async {
        await ring?.reload()
    }

    /// An authority over tokens that are signed with `secret`.
    package init(secret: String, clock: any WallClock = SystemWallClock()) async throws(WeakSecret) {
        self.secret = try await SecretKey(secret)
        self.ring = nil
        self.configuration = TokenConfiguration()
        self.clock = clock
    }

    /// An authority over the tokens of that configuration. Loads the keys, if a source is configured.
    ///
    /// - Parameter logger: Hears of keys that were loaded and refreshes that failed, never of a token.
    /// - Throws: ``TokenSetupError`` when no token could be valid, or when the keys cannot be loaded.
    package init(
        _ configuration: TokenConfiguration, clock: any WallClock = SystemWallClock(), logger: Logger
    ) async throws(TokenSetupError) {
        guard configuration.secret != nil || configuration.keys != nil else { throw .noKeys }
        do throws(WeakSecret) {
            secret = if let secret = configuration.secret { try await SecretKey(secret) } else { nil }
        } catch {
            throw .weakSecret(error)
        }
        do throws(KeySetError) {
            ring =
                if let source = configuration.keys {
                    try await KeyRing(
                        source: source, refreshInterval: configuration.keyRefreshInterval, clock: clock,
                        logger: logger)
                } else {
                    nil
                }
        } catch {
            throw .keys(error)
        }
        // The secret is kept in one place only.
        var rest = configuration
        rest.secret = nil
        self.configuration = rest
        self.clock = clock
    }

    /// A token for `user` that ends after `lifetime`, with the configured issuer and first audience.
    ///
    /// - Throws: ``NoSecret`` when only public keys are configured.
    package func issue(
        user: String, join: [TopicFilter], publish: [TopicFilter] = [], notify: Bool = false, lifetime: Duration
    ) async throws -> String {
        guard let secret else { throw NoSecret() }
        let expiry = clock.now().advanced(by: lifetime)
        let claims = AccessToken(
            sub: user,
            exp: ExpirationClaim(value: Date(timeIntervalSince1970: expiry.secondsSinceEpoch.rounded())),
            iss: configuration.issuer,
            aud: configuration.audiences.first.map { AudienceClaim(stringLiteral: $0) },
            join: join.map(\.rawValue),
            publish: publish.isEmpty ? nil : publish.map(\.rawValue),
            notify: notify ? true : nil)
        return try await secret.sign(claims)
    }

    /// Whose token it is. May wait for a refresh of the keys, 5 s at most.
    package func identity(of token: String) async throws(AuthenticationError) -> Identity {
        let token = try SignedToken(token)
        try await checkSignature(of: token)
        let claims = try TokenClaims(json: token.payload)
        try check(claims)
        return Identity(
            user: claims.user,
            expiresAt: claims.expiresAt,
            grants: RoomGrants(
                user: claims.user, join: claims.join, publish: claims.publish, notify: claims.notify,
                telemetryRoots: configuration.telemetryRoots))
    }

    private func checkSignature(of token: SignedToken) async throws(AuthenticationError) {
        guard token.algorithm != .hs256 else {
            guard let secret else { throw .invalid("tokens with \"alg\" HS256 are not taken here") }
            guard secret.verifies(token) else { throw .invalid("its signature is wrong") }
            return
        }
        guard let ring else { throw .invalid("only tokens with \"alg\" HS256 are taken here") }
        switch await ring.key(id: token.keyID, algorithm: token.algorithm) {
        case .found(let key):
            guard key.verifies(token) else { throw .invalid("its signature is wrong") }
        case .unknownID: throw .invalid("its \"kid\" names no key that is known here")
        case .otherAlgorithm: throw .invalid("there is no key for its \"alg\"")
        case .ambiguous: throw .invalid("it has no \"kid\", and there is more than one key for its \"alg\"")
        }
    }

    private func check(_ claims: TokenClaims) throws(AuthenticationError) {
        if let issuer = configuration.issuer, claims.issuer != issuer {
            throw .invalid("its \"iss\" is not the issuer that is taken here")
        }
        if !configuration.audiences.isEmpty, !claims.audiences.contains(where: configuration.audiences.contains) {
            throw .invalid("its \"aud\" does not name this gateway")
        }
        let now = clock.now()
        guard now < claims.expiresAt else { throw .expired }
        if let start = claims.startsAt, now.advanced(by: configuration.notBeforeLeeway) < start {
            throw .notYetValid
        }
    }
}
