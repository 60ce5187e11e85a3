/// Tells whose a credential is, whatever its kind: the one door for sockets.
package struct Authenticator: Sendable {
    package let authority: TokenAuthority
    package let tickets: TicketStore

    package init(authority: TokenAuthority, tickets: TicketStore) {
        self.authority = authority
        self.tickets = tickets
    }

    /// Whose credential it is. A ticket is used up by it; an unknown one is ``AuthenticationError/unknownTicket``.
    package func identity(of credential: Credential) async throws(AuthenticationError) -> Identity {
        switch credential {
        case .token(let token): return try await authority.identity(of: token)
        case .ticket(let ticket):
            guard let identity = tickets.redeem(ticket) else { throw .unknownTicket }
            return identity
        }
    }
}
