package import JWTKit

/// The claims of a token (RFC 7519) as ``TokenAuthority`` writes them; ``TokenClaims`` reads them.
package struct AccessToken: JWTPayload {
    /// The user.
    package var sub: String
    /// When the token ends.
    package var exp: ExpirationClaim
    /// When the token begins.
    package var nbf: NotBeforeClaim?
    /// Who made the token.
    package var iss: String?
    /// For whom the token is.
    package var aud: AudienceClaim?
    /// Room filters whose rooms the user may join.
    package var join: [String]?
    /// Room filters whose rooms the user may write to.
    package var publish: [String]?
    /// Whether the user may send notifications.
    package var notify: Bool?

    package init(
        sub: String, exp: ExpirationClaim, nbf: NotBeforeClaim? = nil, iss: String? = nil, aud: AudienceClaim? = nil,
        join: [String]? = nil, publish: [String]? = nil, notify: Bool? = nil
    ) {
        self.sub = sub
        self.exp = exp
        self.nbf = nbf
        self.iss = iss
        self.aud = aud
        self.join = join
        self.publish = publish
        self.notify = notify
    }

    /// Does nothing: ``TokenAuthority`` checks the claims against its own clock.
    package func verify(using algorithm: some JWTAlgorithm) async throws {}
}
