import Foundation
package import NIOHTTP1

/// Finds the token or ticket in a request: header, WebSocket subprotocol, or query, in that order.
package enum TokenSource {
    /// The subprotocol that carries a token, because browsers can set no header on a WebSocket.
    package static let subprotocolPrefix = "bearer."
    /// The subprotocol that the gateway speaks and selects.
    package static let windsockSubprotocol = "windsock.v1"

    /// What a request's head shows: its token, else the token of its query, else the ticket of its query. An empty one
    /// counts as none.
    package static func credential(in head: HTTPRequestHead) -> Credential? {
        if let token = token(in: head), !token.isEmpty { return .token(token) }
        if let ticket = queryValue("ticket", in: head.uri), !ticket.isEmpty { return .ticket(ticket) }
        return nil
    }

    /// The token of a request's head, if it carries one.
    package static func token(in head: HTTPRequestHead) -> String? {
        if let token = token(inAuthorization: head.headers.first(name: "authorization")) { return token }
        for name in subprotocols(of: head) where name.hasPrefix(subprotocolPrefix) {
            return String(name.dropFirst(subprotocolPrefix.count))
        }
        return queryValue("token", in: head.uri)
    }

    /// The token of an `Authorization: Bearer …` header's value (RFC 6750 section 2.1).
    package static func token(inAuthorization value: String?) -> String? {
        guard let value, value.prefix(7).lowercased() == "bearer " else { return nil }
        let token = value.dropFirst(7).drop { $0 == " " }
        return token.isEmpty ? nil : String(token)
    }

    /// The subprotocols that a WebSocket handshake offers, in order.
    package static func subprotocols(of head: HTTPRequestHead) -> [String] {
        head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
    }

    private static func queryValue(_ name: String, in uri: String) -> String? {
        URLComponents(string: uri)?.queryItems?.first { $0.name == name }?.value
    }
}
