package import NIOHTTP1

/// What a request that carries `Upgrade` is: decided without I/O, before anybody is authorised.
package enum UpgradeRequest: Equatable {
    /// The path at which the gateway takes WebSocket connections.
    package static let path = "/ws"

    /// Not for the WebSocket endpoint: the router answers it as plain HTTP.
    case plain
    /// A proper handshake; who it is remains to be seen.
    case handshake
    /// A handshake that will not be upgraded.
    case refused(UpgradeRefusal)

    /// Looks at method, version, headers and origin (RFC 6455 sections 4.2.1 and 10.2).
    package init(_ head: HTTPRequestHead, origins: OriginPolicy) {
        guard head.uri.prefix(while: { $0 != "?" }) == Self.path else {
            self = .plain
            return
        }
        if let refusal = Self.refusal(of: head, origins: origins) {
            self = .refused(refusal)
        } else {
            self = .handshake
        }
    }

    private static func refusal(of head: HTTPRequestHead, origins: OriginPolicy) -> UpgradeRefusal? {
        guard head.method == .GET else { return UpgradeRefusal(400, "A WebSocket handshake is a GET request.") }
        guard head.version.major == 1, head.version.minor >= 1 else {
            return UpgradeRefusal(400, "A WebSocket handshake needs HTTP/1.1.")
        }
        guard contains("websocket", in: head, "upgrade"), contains("upgrade", in: head, "connection") else {
            return UpgradeRefusal(426, "Send \"Upgrade: websocket\" and \"Connection: Upgrade\".")
        }
        guard head.headers["sec-websocket-version"] == ["13"] else {
            return UpgradeRefusal(426, "Only WebSocket version 13 is spoken here.")
        }
        let keys = head.headers["sec-websocket-key"]
        guard keys.count == 1, isKey(keys[0]) else {
            return UpgradeRefusal(400, "Sec-WebSocket-Key must be 16 bytes in base64, once.")
        }
        let subprotocols = TokenSource.subprotocols(of: head)
        if !subprotocols.isEmpty, !subprotocols.contains(TokenSource.windsockSubprotocol),
            subprotocols.contains(where: { $0.hasPrefix(TokenSource.subprotocolPrefix) })
        {
            return UpgradeRefusal(400, "Offer the subprotocol windsock.v1 beside the one that carries the token.")
        }
        let origin = head.headers["origin"]
        guard origin.count <= 1, origins.allows(origin: origin.first, host: head.headers.first(name: "host")) else {
            return UpgradeRefusal(403, "Pages of this origin may not connect.")
        }
        return nil
    }

    private static func contains(_ word: String, in head: HTTPRequestHead, _ name: String) -> Bool {
        head.headers[canonicalForm: name].contains { $0.lowercased() == word }
    }

    private static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes.suffix(2) == Array("==".utf8)[...] else { return false }
        return bytes.dropLast(2).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }
}
