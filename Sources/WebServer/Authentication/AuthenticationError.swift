/// The reason that a request is not authenticated, that a token does not replace another, or that no ticket is issued.
package enum AuthenticationError: Error, Equatable, CustomStringConvertible {
    /// The request carries neither a token nor a ticket.
    case missing
    /// The token is not signed by a configured key, or its claims are malformed or not meant for this gateway. The
    /// reason quotes nothing of the token.
    case invalid(String)
    /// The token has expired.
    case expired
    /// The token is not valid yet (`nbf`).
    case notYetValid
    /// The new token of a connection has another `sub` than the old one.
    case otherUser
    /// The share link was never created, was revoked, or has expired and been removed.
    case unknownShare
    /// The ticket was never issued, has expired, or was used already.
    case unknownTicket
    /// The user's number of unused tickets is at its limit.
    case tooManyTickets(limit: Int)
    /// The total number of unused tickets is at its limit.
    case overloaded(limit: Int)

    package var description: String {
        switch self {
        case .missing:
            "A token is required: send \"Authorization: Bearer <token>\", the subprotocols windsock.v1 and "
                + "bearer.<token>, ?token=, or a ticket as ?ticket=."
        case .invalid(let reason): "The token is not valid: \(reason)."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .otherUser: "The token belongs to another user; its \"sub\" must not change."
        case .unknownShare: "The share link is not valid: it was revoked, has expired, or never existed."
        case .unknownTicket: "The ticket is not valid: it was already used, is older than 30 s, or never existed."
        case .tooManyTickets(let limit):
            "Too many unused tickets for this user; allowed: at most \(limit). Use one, or retry in 30 s."
        case .overloaded(let limit): "Too many unused tickets; allowed: at most \(limit). Retry in 30 s."
        }
    }
}
