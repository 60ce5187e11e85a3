/// An invalid webhook setting, or a host that cannot be found. The description names the setting and the allowed
/// values, or the host.
///
/// Values that may contain a secret, such as the URL, are not repeated.
package enum WebhookError: Error, Sendable, Equatable, CustomStringConvertible {
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
    /// The receiver's host has no address, for the resolver's reason.
    case notResolved(host: String, reason: String)

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
        case .notResolved(let host, let reason): "the host \(host) cannot be resolved: \(reason)"
        }
    }

    private static let example = "https://hooks.example.com/windsock"
}
