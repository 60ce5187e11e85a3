package import NIOHTTP1

/// The classification of a request with `Upgrade`, made without I/O and before authentication.
package enum UpgradeRequest: Equatable {
    /// The path of the gateway's WebSocket endpoint.
    package static let path = "/ws"

    /// Not a request for a WebSocket endpoint; the router answers it as plain HTTP.
    case plain
    /// A valid handshake, which the endpoint may still refuse.
    case handshake
    /// A handshake that will not be upgraded.
    case refused(UpgradeRefusal)

    /// Checks the path, and method, version and headers (RFC 6455 section 4.2.1).
    package init(_ head: HTTPRequestHead, path: String) {
        guard Self.path(of: head) == path[...] else {
            self = .plain
            return
        }
        self = Self.refusal(of: head).map(Self.refused) ?? .handshake
    }

    /// Checks a request for `/ws`, including its subprotocols and its origin (section 10.2).
    package init(_ head: HTTPRequestHead, origins: OriginPolicy) {
        self.init(head, path: Self.path)
        if self == .handshake, let refusal = Self.refusal(of: head, origins: origins) { self = .refused(refusal) }
    }

    /// Returns the path of the request target, which may be a whole URL (section 4.2.1).
    private static func path(of head: HTTPRequestHead) -> Substring {
        var target = head.uri.prefix { $0 != "?" }
        if let scheme = target.firstRange(of: "://"), !target.hasPrefix("/") {
            target = target[scheme.upperBound...].drop { $0 != "/" }
        }
        return target
    }

    /// The header fields that are compared with other text. Comparing a text of combining marks takes time quadratic in
    /// its length, so long values must be ASCII: a head full of such marks would block the event loop for 0.1 s.
    private static let comparedFields = [
        "host", "content-length", "upgrade", "connection", "sec-websocket-version", "sec-websocket-key",
        "sec-websocket-protocol", "origin",
    ]
    /// The longest value in bytes that one of ``comparedFields`` may have unless it is ASCII.
    private static let maxForeignByteCount = 256

    private static func refusal(of head: HTTPRequestHead) -> UpgradeRefusal? {
        for name in comparedFields {
            for value in head.headers[name] where value.utf8.count > maxForeignByteCount {
                guard value.utf8.allSatisfy({ $0 < 0x80 }) else { return UpgradeRefusal(400, "\(name) must be ASCII.") }
            }
        }
        guard head.method == .GET else { return UpgradeRefusal(400, "A WebSocket handshake must be a GET request.") }
        guard head.version.major == 1, head.version.minor >= 1 else {
            return UpgradeRefusal(400, "A WebSocket handshake requires HTTP/1.1.")
        }
        guard head.headers["host"].count == 1, let host = head.headers.first(name: "host"), !host.isEmpty,
            HostHeader.isValid(host)
        else {
            return UpgradeRefusal(400, "A WebSocket handshake must have exactly one Host header.")
        }
        guard !head.headers.contains(name: "transfer-encoding"),
            head.headers["content-length"].allSatisfy({ $0 == "0" })
        else {
            return UpgradeRefusal(400, "A WebSocket handshake must not have a body.")
        }
        guard contains("websocket", in: head, "upgrade"), contains("upgrade", in: head, "connection") else {
            return UpgradeRefusal(426, "Send \"Upgrade: websocket\" and \"Connection: Upgrade\".")
        }
        guard head.headers["sec-websocket-version"] == ["13"] else {
            return UpgradeRefusal(426, "Unsupported WebSocket version; allowed: 13.")
        }
        let keys = head.headers["sec-websocket-key"]
        guard keys.count == 1, isKey(keys[0]) else {
            return UpgradeRefusal(400, "Exactly one Sec-WebSocket-Key of 16 base64-encoded bytes is required.")
        }
        return nil
    }

    /// Checks the requirements of `/ws` beyond those of any handshake: subprotocols and origin.
    private static func refusal(of head: HTTPRequestHead, origins: OriginPolicy) -> UpgradeRefusal? {
        let subprotocols = CredentialExtractor.subprotocols(of: head)
        if !subprotocols.isEmpty, !subprotocols.contains(CredentialExtractor.windsockSubprotocol),
            subprotocols.contains(where: { $0.hasPrefix(CredentialExtractor.subprotocolPrefix) })
        {
            return UpgradeRefusal(400, "Offer the subprotocol windsock.v1 as well as the one that carries the token.")
        }
        let origin = head.headers["origin"]
        guard origin.count <= 1, origins.allows(origin: origin.first, host: head.headers.first(name: "host")) else {
            return UpgradeRefusal(403, "Connections from this origin are not allowed.")
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

/// The refusal of a handshake: the status that the router answers with, and advice for the client.
package struct UpgradeRefusal: Equatable, Sendable {
    /// The header that carries the refusal from ``UpgradeGate`` to the router. It is removed from clients' requests.
    package static let headerName = "windsock-upgrade-refusal"

    package let status: Int
    package let detail: String

    package init(_ status: Int, _ detail: String) {
        self.status = status
        self.detail = detail
    }

    /// The header fields that tell the client what it may do instead.
    package var fields: [(name: String, value: String)] {
        switch status {
        case 401: [("WWW-Authenticate", "Bearer")]
        case 429: [("Retry-After", "1")]
        case 426: [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        default: []
        }
    }

    /// The status, a space and the detail, as in `401 The token has expired.`
    package var headerValue: String { "\(status) \(detail)" }

    /// Parses a ``headerValue``.
    package init?(headerValue: String) {
        guard let status = Int(headerValue.prefix(3)) else { return nil }
        self.init(status, String(headerValue.dropFirst(4)))
    }
}
