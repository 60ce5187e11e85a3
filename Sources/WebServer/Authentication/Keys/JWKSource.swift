import Foundation

/// Where the public keys of tokens come from: a JWK Set (RFC 7517) in a file or at an address.
package enum JWKSource: Sendable, Hashable, CustomStringConvertible {
    /// The path of a file.
    case file(String)
    /// An `http` or `https` address without user or password.
    case url(String)

    /// A text that is neither a path nor such an address.
    package struct Unusable: Error, CustomStringConvertible {
        package var description: String {
            "A path or an address such as https://id.example.org/.well-known/jwks.json is expected; "
                + "the address is http or https, without user and password."
        }
    }

    /// The source that a setting names: what has `://` in it is an address, everything else a path.
    package init(_ text: String) throws(Unusable) {
        guard !text.isEmpty, !text.utf8.contains(0) else { throw Unusable() }
        guard text.contains("://") else {
            self = .file(text)
            return
        }
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), parts.host?.isEmpty == false, parts.user == nil, parts.password == nil
        else { throw Unusable() }
        self = .url(text)
    }

    /// Whether reading it takes no network.
    var isFile: Bool {
        if case .file = self { true } else { false }
    }

    /// For logs: the path, or the address without its query, which may hold a secret.
    package var description: String {
        switch self {
        case .file(let path): path
        case .url(let text): String(text.prefix { $0 != "?" && $0 != "#" })
        }
    }
}
