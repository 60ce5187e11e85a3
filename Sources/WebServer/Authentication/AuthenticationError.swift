/// Why a request is not let in.
package enum AuthenticationError: Error, Equatable, CustomStringConvertible {
    /// No token at all.
    case missing
    /// Not a token that this gateway's key signed, or one with claims that make no sense.
    case invalid(String)
    /// A token whose time is over or has not come.
    case expired

    package var description: String {
        switch self {
        case .missing:
            "A token is needed: send \"Authorization: Bearer <token>\", the subprotocols windsock.v1 and "
                + "bearer.<token>, or ?token=."
        case .invalid(let reason): "The token is not valid: \(reason)."
        case .expired: "The token has expired or is not valid yet."
        }
    }
}
