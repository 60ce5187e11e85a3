import Foundation
import JWTKit
package import Telemetry

/// Signs tokens and tells whose a token is (HS256).
package struct TokenAuthority: Sendable {
    /// Shorter secrets could be guessed from one token (RFC 7518 section 3.2).
    package static let minimumSecretByteCount = 32

    /// A secret that is too short.
    package struct WeakSecret: Error, CustomStringConvertible {
        package var description: String {
            "The JWT secret must have at least \(TokenAuthority.minimumSecretByteCount) bytes."
        }
    }

    private let keys: JWTKeyCollection
    private let clock: any WallClock

    /// An authority over tokens that are signed with `secret`.
    package init(secret: String, clock: any WallClock = SystemWallClock()) async throws(WeakSecret) {
        guard secret.utf8.count >= Self.minimumSecretByteCount else { throw WeakSecret() }
        self.keys = JWTKeyCollection()
        self.clock = clock
        await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
    }

    /// A token for `user` that ends after `lifetime`.
    package func issue(
        user: String, join: [TopicFilter], publish: [TopicFilter] = [], notify: Bool = false, lifetime: Duration
    ) async throws -> String {
        let expiry = clock.now().advanced(by: lifetime)
        let claims = AccessToken(
            sub: user,
            exp: ExpirationClaim(value: Date(timeIntervalSince1970: expiry.secondsSinceEpoch.rounded())),
            join: join.map(\.rawValue),
            publish: publish.isEmpty ? nil : publish.map(\.rawValue),
            notify: notify ? true : nil)
        return try await keys.sign(claims)
    }

    /// Whose token it is.
    package func identity(of token: String) async throws(AuthenticationError) -> Identity {
        let claims: AccessToken
        do {
            claims = try await keys.verify(token, as: AccessToken.self)
        } catch {
            throw .invalid("its signature or form is wrong")
        }
        let now = clock.now().secondsSinceEpoch
        guard now < claims.exp.value.timeIntervalSince1970 else { throw .expired }
        if let start = claims.nbf, now < start.value.timeIntervalSince1970 { throw .expired }
        guard let user = DeviceID(claims.sub)?.rawValue else {
            throw .invalid("\"sub\" must have 1 to 128 bytes and none of / + # or control characters")
        }
        let join = try Self.filters(claims.join, of: "join")
        let publish = try Self.filters(claims.publish, of: "publish")
        return Identity(
            user: user,
            expiresAt: Timestamp(secondsSinceEpoch: claims.exp.value.timeIntervalSince1970) ?? clock.now(),
            grants: RoomGrants(user: user, join: join, publish: publish, notify: claims.notify ?? false))
    }

    private static func filters(_ texts: [String]?, of claim: String) throws(AuthenticationError) -> [TopicFilter] {
        var filters: [TopicFilter] = []
        for text in texts ?? [] {
            guard let filter = try? TopicFilter(text), filter.shareGroup == nil else {
                throw .invalid("\"\(claim)\" holds what is no room filter")
            }
            filters.append(filter)
        }
        return filters
    }
}
