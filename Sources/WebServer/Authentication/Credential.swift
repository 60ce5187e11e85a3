/// What a client shows to be let in.
package enum Credential: Sendable, Equatable {
    /// A signed token (RFC 7519).
    case token(String)
    /// A ticket of ``TicketStore``, to be used once.
    case ticket(String)
}
