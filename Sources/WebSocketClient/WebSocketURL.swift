/// The parts of a `ws://` or `wss://` URL that a connection needs.
///
/// Source: RFC 6455 section 3. The parser is written by hand because it is short and keeps Foundation out of the
/// client.
package struct WebSocketURL: Hashable, Sendable {
    /// A host name or address; IPv6 addresses have no brackets.
    package let host: String
    package let port: Int
    /// True for the scheme `wss`.
    package let isSecure: Bool
    /// Path and query for the request line; begins with `/`.
    package let target: String

    /// The value of the `Host` header. The scheme's default port is omitted.
    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == Self.port(isSecure: isSecure) ? name : "\(name):\(port)"
    }

    private static func port(isSecure: Bool) -> Int { isSecure ? 443 : 80 }

    /// Parses `ws://host[:port][/path][?query]`, or the same with `wss`.
    ///
    /// - Throws: `invalidURL` with the reason. User info and fragments have error messages of their own.
    package init(_ text: String) throws(WebSocketClientError) {
        func invalid(_ reason: String) -> WebSocketClientError {
            .invalidURL("\(reason); expected a URL such as ws://127.0.0.1:8080/ws")
        }
        guard let end = text.utf8.firstIndex(of: UInt8(ascii: ":")), text[end...].hasPrefix("://") else {
            throw invalid("the URL has no scheme")
        }
        let scheme = text[..<end].lowercased()
        guard scheme == "ws" || scheme == "wss" else { throw invalid("unknown scheme \(scheme)") }
        isSecure = scheme == "wss"
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw invalid("the URL contains a space, a control character or an unescaped non-ASCII character")
        }
        let rest = text[text.index(end, offsetBy: 3)...]
        guard !rest.contains("#") else { throw invalid("a WebSocket URL must not have a fragment (#)") }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else { throw invalid("a WebSocket URL must not have a user name") }
        guard let (host, port) = Self.split(authority, port: Self.port(isSecure: isSecure)) else {
            throw invalid("the host or port is invalid")
        }
        self.host = host
        self.port = port
        let target = rest[authority.endIndex...]
        self.target = target.hasPrefix("/") ? String(target) : "/" + target
    }

    private static func split(_ authority: Substring, port: Int) -> (host: String, port: Int)? {
        var host = authority
        var port = Substring("\(port)")
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = authority[..<close].dropFirst()
            let rest = authority[close...].dropFirst()
            if !rest.isEmpty {
                guard rest.hasPrefix(":") else { return nil }
                port = rest.dropFirst()
            }
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            port = authority[colon...].dropFirst()
        }
        guard !host.isEmpty, let number = UInt16(port), number > 0 else { return nil }
        return (String(host), Int(number))
    }
}
