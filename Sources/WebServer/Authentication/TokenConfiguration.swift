/// Which tokens are taken: whose keys, from whom, and for whom.
package struct TokenConfiguration: Sendable {
    /// The secret of HS256 tokens, 32 bytes or more; without one none are taken and none can be issued.
    package var secret: String?
    /// The keys of RS256, ES256, ES384 and EdDSA tokens; without them none are taken.
    package var keys: JWKSource?
    /// After how long the keys are loaded again, unless a change or an unknown key asks for it earlier.
    package var keyRefreshInterval: Duration
    /// What `iss` must be; `nil` takes tokens from whoever has the key.
    package var issuer: String?
    /// Of which one must be in `aud`; when empty, `aud` is not looked at.
    package var audiences: [String]
    /// How much earlier than its `nbf` a token is taken, because clocks differ. `exp` has no such leeway.
    package var notBeforeLeeway: Duration
    /// First levels of telemetry rooms, in which nobody but devices speaks, whatever a token grants.
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
