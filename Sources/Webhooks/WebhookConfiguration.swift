import Foundation

/// A webhook's receiver, and its delivery settings.
package struct WebhookConfiguration: Sendable, Equatable {
    package let url: WebhookURL
    /// The key for signatures. Without it requests are unsigned, and the receiver cannot verify their origin.
    package let secret: WebhookSecret?
    /// True when the receiver may be in a private network or on this host (see ``AddressPolicy``).
    package let allowsPrivateAddresses: Bool
    /// The time limit of one attempt: name resolution, connecting, sending, and the response.
    package let timeout: Duration
    package let retries: WebhookRetryPolicy

    /// - Parameters:
    ///   - url: `http` or `https`, without user and fragment, at most 2,048 bytes.
    ///   - secret: at least 16 bytes.
    ///   - timeout: 100 ms to 5 min.
    /// - Throws: ``WebhookError``, which names the setting and what is allowed.
    package init(
        url: String,
        secret: String? = nil,
        allowsPrivateAddresses: Bool = false,
        timeout: Duration = .seconds(10),
        retries: WebhookRetryPolicy = .init()
    ) throws(WebhookError) {
        self.url = try WebhookURL(url)
        self.secret = if let secret { try WebhookSecret(secret) } else { nil }
        guard (.milliseconds(100) ... .seconds(300)).contains(timeout) else {
            throw .outOfRange(setting: "timeout", value: "\(timeout)", allowed: "100 ms to 5 min")
        }
        try retries.validate()
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.timeout = timeout
        self.retries = retries
    }
}

/// A webhook's URL, validated so that a request can always be made for it.
///
/// Path and query often contain the receiver's only secret, so they are left out of the description.
package struct WebhookURL: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    package static let maximumByteCount = 2048

    /// The complete URL. Used only for the request.
    let text: String
    /// The host as the HTTP client sees it: a name, or an address without brackets.
    package let host: String
    package let port: Int
    /// A redacted form for logs: scheme, host and port, and a mark when a path or query was removed.
    package let description: String

    /// - Throws: ``WebhookError`` if the text is too long or no valid URL, or has a scheme other than `http` and
    ///   `https`, a user name or password, a fragment, or an invalid host or port.
    package init(_ text: String) throws(WebhookError) {
        guard text.utf8.count <= Self.maximumByteCount else { throw .urlTooLong(byteCount: text.utf8.count) }
        guard let url = URL(string: text, encodingInvalidCharacters: false) else { throw .notURL }
        let scheme = url.scheme?.lowercased()
        guard let scheme, ["http", "https"].contains(scheme) else { throw .badScheme(scheme) }
        guard url.user(percentEncoded: true) == nil, url.password(percentEncoded: true) == nil else { throw .userInfo }
        guard url.fragment == nil else { throw .fragment }
        guard let host = Self.host(of: url) else { throw .badHost }
        // With an invalid port, parsing fails or yields a URL without a port.
        guard (1...65535).contains(url.port ?? 1) else { throw .badPort }
        self.text = text
        self.host = host
        port = url.port ?? (scheme == "https" ? 443 : 80)
        let shownHost = host.contains(":") ? "[\(host)]" : host
        let shownPort = url.port.map { ":\($0)" } ?? ""
        let rest = url.path(percentEncoded: true).count > 1 || url.query != nil ? "REDACTED" : ""
        description = "\(scheme)://\(shownHost)\(shownPort)/\(rest)"
    }

    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }

    /// Returns the host if it contains only characters that all parsers interpret alike.
    private static func host(of url: URL) -> String? {
        guard let host = url.host(percentEncoded: true) else { return nil }
        if host.contains(":") {
            let address = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
            return IPAddress(address) == nil ? nil : address
        }
        let isPlain = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return isPlain && !host.isEmpty && host.utf8.count <= 253 ? host : nil
    }
}
