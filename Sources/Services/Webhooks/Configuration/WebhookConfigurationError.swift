/// Why a webhook cannot be used as it is configured: names the setting and what is allowed there.
///
/// What may hold a secret, which a URL often is, is not repeated.
package enum WebhookConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Not a URL, or one with characters that a URL cannot have.
    case notURL
    /// `nil` when there is none.
    case badScheme(String?)
    /// None, or one that is neither a name in ASCII nor an address.
    case badHost
    case badPort
    /// A user name or a password before the host.
    case userInfo
    /// A part after `#`, which no server would get.
    case fragment
    case urlTooLong(byteCount: Int)
    case secretTooShort(byteCount: Int)
    /// A number or a time outside of what makes sense.
    case outOfRange(setting: String, value: String, allowed: String)

    package var description: String {
        switch self {
        case .notURL:
            "the webhook's url is not one (not shown); allowed is http:// or https:// with a host, such as \(Self.example)"
        case .badScheme(let scheme):
            "the webhook's url has \(scheme.map { "the scheme \"\($0)\"" } ?? "no scheme"); allowed are http and https"
        case .badHost:
            """
            the webhook's url has no host that can be used; allowed are letters, digits, \"-\", \"_\" and \".\" (other \
            scripts in their xn-- form), or an address
            """
        case .badPort: "the port in the webhook's url is not one; allowed is 1 to 65535"
        case .userInfo:
            """
            the webhook's url has a user or a password (not shown); allowed is a url without, such as \(Self.example): \
            receivers know the gateway by the signature that is made with the secret
            """
        case .fragment: "the webhook's url has a part after \"#\"; allowed is a url without, no server would get it"
        case .urlTooLong(let count):
            "the webhook's url has \(count) bytes; allowed are \(WebhookURL.maximumByteCount)"
        case .secretTooShort(let count):
            "the webhook's secret has \(count) bytes; allowed are \(WebhookSecret.minimumByteCount) or more"
        case .outOfRange(let setting, let value, let allowed):
            "the webhook's \(setting) is \(value); allowed is \(allowed)"
        }
    }

    private static let example = "https://hooks.example.com/windsock"
}
