package import Core
package import Logging
import OpenSSL
package import Telemetry

/// The issuer and verifier of tokens.
///
/// ```
/// token ─ SignedToken ─ alg = HS256 ── SecretKey ─┐
///         (8 KiB, form)  else by kid ── KeyRing ──┴─ signature ─ TokenClaims ─ iss, aud, exp, nbf ─ Identity
/// ```
/// HS256 tokens are verified with the secret only, all others with public keys only, and each key with its own
/// algorithm only. So a public key cannot be passed off as a secret (RFC 8725 section 2.1).
package struct TokenAuthority: Sendable {
    /// The shortest secret in bytes. A shorter one could be guessed from a single token (RFC 7518 section 3.2).
    package static let minimumSecretByteCount = 32

    private let secret: SecretKey?
    private let ring: KeyRing?
    private let configuration: TokenConfiguration
    private let clock: any WallClock

    /// Creates an authority for tokens that are signed with `secret`.
    ///
    /// - Throws: ``TokenKeyError/weakSecret``.
    package init(secret: String, clock: any WallClock = SystemWallClock()) throws(TokenKeyError) {
        self.secret = try SecretKey(secret)
        self.ring = nil
        self.configuration = TokenConfiguration()
        self.clock = clock
    }

    /// Creates an authority from a configuration. Loads the keys if a key source is configured.
    ///
    /// - Parameter logger: Logs loaded keys and failed refreshes, never a token.
    /// - Throws: ``TokenKeyError`` when no token could be valid, or when the keys cannot be loaded.
    package init(
        _ configuration: TokenConfiguration, clock: any WallClock = SystemWallClock(), logger: Logger
    ) async throws(TokenKeyError) {
        guard configuration.secret != nil || configuration.keys != nil else { throw .noKeys }
        secret = if let secret = configuration.secret { try SecretKey(secret) } else { nil }
        ring =
            if let source = configuration.keys {
                try await KeyRing(
                    source: source, refreshInterval: configuration.keyRefreshInterval, clock: clock, logger: logger)
            } else {
                nil
            }
        // Only `SecretKey` keeps the secret.
        var rest = configuration
        rest.secret = nil
        self.configuration = rest
        self.clock = clock
    }

    /// Issues a token for `user` that expires after `lifetime`, with the configured issuer and first audience.
    ///
    /// - Throws: ``TokenKeyError/noSecret`` when only public keys are configured.
    package func issue(
        user: UserID, join: [TopicFilter], publish: [TopicFilter] = [], notify: Bool = false, share: Bool = false,
        lifetime: Duration
    ) throws(TokenKeyError) -> String {
        guard let secret else { throw .noSecret }
        var claims = JSONObjectBuilder()
        claims.add("sub", user.rawValue)
        claims.add("exp", Int(clock.now().advanced(by: lifetime).secondsSinceEpoch.rounded()))
        if let issuer = configuration.issuer { claims.add("iss", issuer) }
        if let audience = configuration.audiences.first { claims.add("aud", audience) }
        claims.add("join", array: join.map(\.rawValue))
        if !publish.isEmpty { claims.add("publish", array: publish.map(\.rawValue)) }
        if notify { claims.add("notify", true) }
        if share { claims.add("share", true) }
        return secret.sign(claims.finished())
    }

    /// Verifies a token and returns its identity. May wait for one or two refreshes of the keys, each of at most 5 s.
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
                share: claims.share, telemetryRoots: configuration.telemetryRoots))
    }

    /// Reloads the key set, if one is configured. When that fails, the old keys stay in use and the error is logged.
    package func reloadKeys() async {
        await ring?.reload()
    }

    private func checkSignature(of token: SignedToken) async throws(AuthenticationError) {
        guard token.algorithm != .hs256 else {
            guard let secret else { throw .invalid("its \"alg\" HS256 is not accepted") }
            guard secret.verifies(token) else { throw .invalid("its signature is invalid") }
            return
        }
        guard let ring else { throw .invalid("its \"alg\" is not accepted; allowed: HS256") }
        switch await ring.key(id: token.keyID, algorithm: token.algorithm) {
        case .found(let key):
            guard key.verifies(token) else { throw .invalid("its signature is invalid") }
        case .unknownID: throw .invalid("its \"kid\" is unknown")
        case .otherAlgorithm: throw .invalid("no key matches its \"alg\"")
        case .ambiguous: throw .invalid("it has no \"kid\", and several keys match its \"alg\"")
        }
    }

    private func check(_ claims: TokenClaims) throws(AuthenticationError) {
        if let issuer = configuration.issuer, claims.issuer != issuer {
            throw .invalid("its \"iss\" is not the accepted issuer")
        }
        if !configuration.audiences.isEmpty, !claims.audiences.contains(where: configuration.audiences.contains) {
            throw .invalid("its \"aud\" does not include this gateway")
        }
        let now = clock.now()
        guard now < claims.expiresAt else { throw .expired }
        if let start = claims.startsAt, now.advanced(by: configuration.notBeforeLeeway) < start {
            throw .notYetValid
        }
    }
}

/// The tokens to accept: keys, issuer and audiences.
package struct TokenConfiguration: Sendable {
    /// The secret of HS256 tokens, at least 32 bytes. Without it, HS256 tokens are refused and no token can be issued.
    package var secret: String?
    /// The source of the keys for RS256, ES256, ES384 and EdDSA tokens. Without it, such tokens are refused.
    package var keys: JWKSource?
    /// The interval after which the keys are reloaded, unless a changed file or an unknown key triggers it earlier.
    package var keyRefreshInterval: Duration
    /// The required `iss`; `nil` accepts any issuer.
    package var issuer: String?
    /// The accepted audiences, one of which `aud` must contain. When empty, `aud` is not checked.
    package var audiences: [String]
    /// The clock skew tolerated for `nbf`. `exp` has no such leeway.
    package var notBeforeLeeway: Duration
    /// First levels of telemetry rooms, in which only devices may publish, whatever a token grants.
    package var telemetryRoots: Set<String>

    package init(
        secret: String? = nil, keys: JWKSource? = nil, keyRefreshInterval: Duration = .seconds(600),
        issuer: String? = nil, audiences: [String] = [], notBeforeLeeway: Duration = .seconds(30),
        telemetryRoots: Set<String> = []
    ) {
        self.secret = secret
        self.keys = keys
        self.keyRefreshInterval = keyRefreshInterval
        self.issuer = issuer
        self.audiences = audiences
        self.notBeforeLeeway = notBeforeLeeway
        self.telemetryRoots = telemetryRoots
    }
}

/// The gateway's own secret, used only to sign and verify HS256 tokens.
struct SecretKey: Sendable {
    private let key: AuthenticationKey

    /// Creates the key.
    ///
    /// - Throws: ``TokenKeyError/weakSecret`` when the secret is short enough to be guessed from one token.
    init(_ secret: String) throws(TokenKeyError) {
        guard secret.utf8.count >= TokenAuthority.minimumSecretByteCount else { throw .weakSecret }
        key = AuthenticationKey(Array(secret.utf8))
    }

    /// Returns a signed token with the claims, which are a JSON object (RFC 7515 section 3.1).
    func sign(_ claims: [UInt8]) -> String {
        let header = Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8)
        let signed = "\(Base64URL.encode(header)).\(Base64URL.encode(claims))"
        return "\(signed).\(Base64URL.encode(key.code(of: Array(signed.utf8))))"
    }

    /// Returns true when this secret made the token's signature. Compares in constant time.
    func verifies(_ token: SignedToken) -> Bool {
        token.algorithm == .hs256 && key.isValid(token.signature, of: token.signedBytes)
    }
}
