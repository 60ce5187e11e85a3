/// Which pages may talk to the gateway: those it served itself, and the listed origins.
package struct OriginPolicy: Sendable {
    private let allowed: Set<String>

    /// - Parameters:
    ///   - publicOrigin: The gateway's own origin as browsers see it behind a proxy.
    ///   - allowed: Further origins, such as `https://dash.example.org`; `null` is an origin of its own.
    package init(publicOrigin: String?, allowed: [String]) {
        self.allowed = Set((allowed + [publicOrigin].compactMap(\.self)).map(Self.normalized))
    }

    /// Whether a page of that origin may connect. No origin means no browser: allowed, the token decides.
    package func allows(origin: String?, host: String?) -> Bool {
        guard let origin = origin.map(Self.normalized) else { return true }
        if allowed.contains(origin) { return true }
        guard origin != "null", let host else { return false }
        return origin == Self.normalized("http://\(host)") || origin == Self.normalized("https://\(host)")
    }

    /// Whether another origin is listed, so that it gets CORS headers.
    package func isListed(_ origin: String) -> Bool {
        allowed.contains(Self.normalized(origin))
    }

    private static func normalized(_ origin: String) -> String {
        var text = origin.lowercased()
        while text.hasSuffix("/") { text.removeLast() }
        if text.hasPrefix("http://"), text.hasSuffix(":80") { text.removeLast(3) }
        if text.hasPrefix("https://"), text.hasSuffix(":443") { text.removeLast(4) }
        return text
    }
}
