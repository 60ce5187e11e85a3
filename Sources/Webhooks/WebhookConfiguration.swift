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
    /// - Throws: ``WebhookConfigurationError``, which names the setting and what is allowed.
    package init(
        url: String,
        secret: String? = nil,
        allowsPrivateAddresses: Bool = false,
        timeout: Duration = .seconds(10),
        retries: WebhookRetryPolicy = .init()
    ) throws(WebhookConfigurationError) {
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

    /// - Throws: ``WebhookConfigurationError`` if the text is too long or no valid URL, or has a scheme other than
    ///   `http` and `https`, a user name or password, a fragment, or an invalid host or port.
    package init(_ text: String) throws(WebhookConfigurationError) {
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

/// An invalid webhook setting: names the setting and the allowed values.
///
/// Values that may contain a secret, such as the URL, are not repeated.
package enum WebhookConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Not a URL, or one with illegal characters.
    case notURL
    /// A scheme other than `http` and `https`; `nil` when there is none.
    case badScheme(String?)
    /// A missing host, or one that is neither an ASCII name nor an address.
    case badHost
    case badPort
    /// A user name or password before the host.
    case userInfo
    /// A part after `#`, which is never sent to a server.
    case fragment
    case urlTooLong(byteCount: Int)
    case secretTooShort(byteCount: Int)
    /// A number or duration out of range.
    case outOfRange(setting: String, value: String, allowed: String)

    package var description: String {
        switch self {
        case .notURL:
            "the webhook's url (not shown) is not a valid URL; allowed: http:// or https:// with a host, such as "
                + Self.example
        case .badScheme(let scheme):
            "the webhook's url has \(scheme.map { "the scheme \"\($0)\"" } ?? "no scheme"); allowed: http and https"
        case .badHost:
            """
            the webhook's url has no valid host; allowed: letters, digits, \"-\", \"_\" and \".\" (other scripts in \
            their xn-- form), or an IP address
            """
        case .badPort: "the webhook's url has an invalid port; allowed: 1 to 65535"
        case .userInfo:
            """
            the webhook's url has a user name or password (not shown); allowed: a url without them, such as \
            \(Self.example) (receivers authenticate the gateway by the signature made with the secret)
            """
        case .fragment: "the webhook's url has a fragment (\"#\"), which is never sent; allowed: a url without one"
        case .urlTooLong(let count):
            "the webhook's url has \(count) bytes; allowed: at most \(WebhookURL.maximumByteCount)"
        case .secretTooShort(let count):
            "the webhook's secret has \(count) bytes; allowed: at least \(WebhookSecret.minimumByteCount)"
        case .outOfRange(let setting, let value, let allowed):
            "the webhook's \(setting) is \(value); allowed: \(allowed)"
        }
    }

    private static let example = "https://hooks.example.com/windsock"
}
