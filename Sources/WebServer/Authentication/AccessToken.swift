package import JWTKit

/// The claims of a token (RFC 7519) as Windsock reads and writes them.
package struct AccessToken: JWTPayload {
    /// The user.
    package var sub: String
    /// When the token ends.
    package var exp: ExpirationClaim
    /// When the token begins.
    package var nbf: NotBeforeClaim?
    /// Room filters whose rooms the user may join.
    package var join: [String]?
    /// Room filters whose rooms the user may write to.
    package var publish: [String]?
    /// Whether the user may send notifications.
    package var notify: Bool?

    package init(
        sub: String, exp: ExpirationClaim, nbf: NotBeforeClaim? = nil, join: [String]? = nil,
        publish: [String]? = nil, notify: Bool? = nil
    ) {
        self.sub = sub
        self.exp = exp
        self.nbf = nbf
        self.join = join
        self.publish = publish
        self.notify = notify
    }

    /// Does nothing: ``TokenAuthority`` checks the claims against its own clock.
    package func verify(using algorithm: some JWTAlgorithm) async throws {}
}
