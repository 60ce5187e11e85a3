/// The path of the echo endpoint: a plain one, where nothing else is served.
package struct EchoPath: Equatable, Sendable {
    /// Why a text is no such path, in words for the person who configured it.
    package struct Mistake: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// What the gateway serves itself, by the first segment of its paths.
    package static let reserved = [
        "api", "asyncapi.json", "livez", "metrics", "openapi.json", "readyz", "v1", "vendor", "ws",
    ]
    /// Bytes of the longest path.
    package static let maxByteCount = 128

    /// As it is in a request, such as `/echo`.
    package let text: String

    /// Checks the path: absolute, of letters, digits, `-`, `_`, `.` and `~` between the slashes, and not the gateway's.
    package init(_ text: String) throws(Mistake) {
        let segments = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let isPlain =
            text.hasPrefix("/") && text.utf8.count <= Self.maxByteCount
            && segments.allSatisfy { segment in
                !segment.isEmpty && segment != "." && segment != ".."
                    && segment.unicodeScalars.allSatisfy(Self.isUnreserved)
            }
        guard isPlain, let first = segments.first else {
            throw Mistake(
                description: "\"\(text)\" is not a path such as /echo: it begins with / and has letters, digits, "
                    + "-, _, . and ~ between the slashes, \(Self.maxByteCount) bytes at most.")
        }
        guard !Self.reserved.contains(String(first)) else {
            let taken = Self.reserved.map { "/\($0)" }.joined(separator: ", ")
            throw Mistake(
                description: "\"\(text)\" is taken: the gateway itself serves \(taken) and what is below them.")
        }
        self.text = text
    }

    /// RFC 3986 section 2.3.
    private static func isUnreserved(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".", "~": true
        default: false
        }
    }
}
