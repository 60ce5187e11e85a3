/// What a request shows to be let in.
package enum Credential: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// A token, for ``TokenAuthority/identity(of:)``.
    case token(String)
    /// A ticket, for ``TicketStore/redeem(_:)``.
    case ticket(String)

    /// Tells the kind only, so that no log can hold the secret.
    package var description: String {
        switch self {
        case .token: "a token"
        case .ticket: "a ticket"
        }
    }

    package var debugDescription: String { description }
}
