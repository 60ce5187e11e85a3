import Foundation

extension TokenSource {
    private static let secretNames: Set<String> = ["token", "ticket", "access_token"]

    /// The URI with the values of `token` and `ticket` replaced, for logs and traces.
    ///
    /// Works on the text, so that it hides them in URIs too that no parser takes, and knows names that are
    /// percent-encoded or in capitals.
    package static func redacted(_ uri: String) -> String {
        guard let mark = uri.firstIndex(of: "?") else { return uri }
        let pairs = uri[uri.index(after: mark)...].split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "&" || $0 == ";" || $0 == "?" || $0 == "#" })
        var result = String(uri[...mark])
        for pair in pairs {
            if let equals = pair.firstIndex(of: "=") {
                let name = String(pair[..<equals])
                let isSecret = secretNames.contains((name.removingPercentEncoding ?? name).lowercased())
                result += isSecret ? "\(name)=REDACTED" : String(pair)
            } else {
                result += pair
            }
            // The separator that stood behind it.
            if pair.endIndex < uri.endIndex { result.append(uri[pair.endIndex]) }
        }
        return result
    }
}
