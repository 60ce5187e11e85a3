package import Telemetry

/// What becomes of a connection whose client sent a new token (`refresh_token`): whom it is from now on, and which
/// rooms it must leave.
package struct TokenRefresh: Sendable {
    /// Why a token does not take the place of the old one.
    package enum Refusal: Error, Equatable, CustomStringConvertible {
        /// The new token has another `sub`.
        case otherUser
        /// The new token is over already.
        case expired

        package var description: String {
            switch self {
            case .otherUser: "The token is another user's; it must have the same \"sub\"."
            case .expired: "\(AuthenticationError.expired)"
            }
        }
    }

    /// The new token's.
    package let identity: Identity
    /// The joined rooms and filters that the new token does not grant, in the order in which they were given.
    package let leave: [TopicFilter]

    /// - Parameters:
    ///   - old: Whose the connection is. That its token has ended meanwhile does not matter here.
    ///   - new: What ``TokenAuthority/identity(of:)`` made of the new token.
    ///   - joined: The rooms and filters that the client has joined, the inbox included.
    /// - Throws: ``Refusal``; then everything stays as it was.
    package init(
        from old: Identity, to new: Identity, joined: some Sequence<TopicFilter>, now: Timestamp
    ) throws(Refusal) {
        guard new.user == old.user else { throw .otherUser }
        guard now < new.expiresAt else { throw .expired }
        identity = new
        leave = joined.filter { !new.grants.canJoin($0) }
    }
}
