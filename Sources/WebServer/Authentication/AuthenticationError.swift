/// Why a request is not let in.
package enum AuthenticationError: Error, Equatable, CustomStringConvertible {
    /// Neither a token nor a ticket.
    case missing
    /// Not a token that one of the configured keys signed, or one with claims that make no sense or are not for this
    /// gateway. The reason quotes nothing of the token.
    case invalid(String)
    /// A token whose time is over.
    case expired
    /// A token whose time has not come (`nbf`).
    case notYetValid
    /// A ticket that was never issued, is over, or was used.
    case unknownTicket

    package var description: String {
        switch self {
        case .missing:
            "A token is needed: send \"Authorization: Bearer <token>\", the subprotocols windsock.v1 and "
                + "bearer.<token>, ?token=, or a ticket as ?ticket=."
        case .invalid(let reason): "The token is not valid: \(reason)."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .unknownTicket: "The ticket is not valid: it was used already, is older than 30 s, or never existed."
        }
    }
}
