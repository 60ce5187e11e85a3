package import Core
import Foundation
package import NIOHTTP1
package import Realtime

/// The entry point of authentication, which returns the identity behind a token, a share link's token or a ticket.
package struct Authenticator: Sendable {
    package let authority: TokenAuthority
    package let tickets: TicketStore
    /// The share links; `nil` accepts none.
    package let shares: ShareStore?

    package init(authority: TokenAuthority, tickets: TicketStore, shares: ShareStore? = nil) {
        self.authority = authority
        self.tickets = tickets
        self.shares = shares
    }

    /// Returns the identity behind a credential. A ticket is used up by this call.
    ///
    /// - Throws: ``AuthenticationError``, such as ``AuthenticationError/unknownTicket`` for a ticket that cannot be
    ///   redeemed.
    package func identity(of credential: Credential) async throws(AuthenticationError) -> Identity {
        switch credential {
        case .token(let token):
            guard ShareStore.isToken(token) else { return try await authority.identity(of: token) }
            guard let shares else { throw .unknownShare }
            return try shares.identity(of: token)
        case .ticket(let ticket):
            guard let identity = tickets.redeem(ticket) else { throw .unknownTicket }
            return identity
        }
    }
}

/// The user behind a credential, its expiry, and the rights it grants.
package struct Identity: Sendable {
    /// The token's `sub`.
    package let user: UserID
    package let expiresAt: Timestamp
    package let grants: RoomGrants
    /// The share whose link the client uses; `nil` for users.
    package let share: Share?

    package init(user: UserID, expiresAt: Timestamp, grants: RoomGrants, share: Share? = nil) {
        self.user = user
        self.expiresAt = expiresAt
        self.grants = grants
        self.share = share
    }

    /// Returns the code and reason with which a connection must be closed; `nil` while the identity is valid.
    package func end(at now: Timestamp) -> (code: CloseCode, reason: String)? {
        if share?.isRevoked == true { return (.badToken, ShareStore.revocationReason) }
        return now < expiresAt ? nil : (.tokenExpired, "the token has expired")
    }
}

/// The secret that a request presents: a token or a ticket.
package enum Credential: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// A token, for ``TokenAuthority/identity(of:)``.
    case token(String)
    /// A ticket, for ``TicketStore/redeem(_:)``.
    case ticket(String)

    /// The kind only, so that no log line can contain the secret.
    package var description: String {
        switch self {
        case .token: "a token"
        case .ticket: "a ticket"
        }
    }

    package var debugDescription: String { description }
}

/// Functions that find the token or ticket in the headers, WebSocket subprotocols and query of a request.
package enum CredentialExtractor {
    /// The prefix of the subprotocol that carries a token. Browsers cannot set headers on a WebSocket.
    package static let subprotocolPrefix = "bearer."
    /// The subprotocol that the gateway speaks and selects.
    package static let windsockSubprotocol = "windsock.v1"

    /// Returns the credential in a request head: the first token found in a header, a subprotocol or the query,
    /// otherwise the ticket in the query. An empty token or ticket is not returned.
    package static func credential(in head: HTTPRequestHead) -> Credential? {
        if let token = token(in: head), !token.isEmpty { return .token(token) }
        if let ticket = queryValue("ticket", in: head.uri), !ticket.isEmpty { return .ticket(ticket) }
        return nil
    }

    /// Returns the token of a request head, if it carries one.
    package static func token(in head: HTTPRequestHead) -> String? {
        if let token = token(inAuthorization: head.headers.first(name: "authorization")) { return token }
        for name in subprotocols(of: head) where name.hasPrefix(subprotocolPrefix) {
            return String(name.dropFirst(subprotocolPrefix.count))
        }
        return queryValue("token", in: head.uri)
    }

    /// Returns the token of an `Authorization: Bearer …` header value (RFC 6750 section 2.1).
    package static func token(inAuthorization value: String?) -> String? {
        guard let value, value.prefix(7).lowercased() == "bearer " else { return nil }
        let token = value.dropFirst(7).drop { $0 == " " }
        return token.isEmpty ? nil : String(token)
    }

    /// Returns the subprotocols that a WebSocket handshake offers, in order.
    package static func subprotocols(of head: HTTPRequestHead) -> [String] {
        head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
    }

    private static func queryValue(_ name: String, in uri: String) -> String? {
        URLComponents(string: uri)?.queryItems?.first { $0.name == name }?.value
    }
}
