import Foundation

/// The place that a webhook is sent to. Always one that a request can be made for.
///
/// Its path and its query are often the receiver's only secret, so that its description has neither.
package struct WebhookURL: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    package static let maximumByteCount = 2048

    /// All of it, for the request alone.
    let text: String
    /// The host as the HTTP client sees it: a name, or an address without brackets.
    package let host: String
    package let port: Int
    /// What may be shown: scheme, host and port, and whether more was left out.
    package let description: String

    /// - Throws: ``WebhookConfigurationError`` for a scheme that is not HTTP's, a user, a fragment, or no host.
    package init(_ text: String) throws(WebhookConfigurationError) {
        guard text.utf8.count <= Self.maximumByteCount else { throw .urlTooLong(byteCount: text.utf8.count) }
        guard let url = URL(string: text, encodingInvalidCharacters: false) else { throw .notURL }
        let scheme = url.scheme?.lowercased()
        guard let scheme, ["http", "https"].contains(scheme) else { throw .badScheme(scheme) }
        guard url.user(percentEncoded: true) == nil, url.password(percentEncoded: true) == nil else { throw .userInfo }
        guard url.fragment == nil else { throw .fragment }
        guard let host = Self.host(of: url) else { throw .badHost }
        // A port that is no number makes no URL at all, or none that has a port.
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

    /// Only characters about which no two parsers differ.
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
