import HTTPTypes

extension HTTPRequest {
    /// Bytes of the path without its query.
    var pathByteCount: Int { path?.utf8.prefix { $0 != UInt8(ascii: "?") }.count ?? 0 }

    /// Whether the request names one host (RFC 9112 section 3.2): a proxy may read another of two.
    var hasOneHost: Bool {
        guard let authority, HTTPField.Name("host").map({ headerFields[$0] == nil }) ?? true else { return false }
        return authority.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !Self.notOfHosts.contains($0) }
    }

    /// Bytes that no host has (RFC 3986 section 3.2.2), but URLs do.
    private static let notOfHosts = Array(#"/?#@\"<>^`{|},"#.utf8)

    /// Whether nothing can follow on the connection: the client says so, or asks to go on with another protocol. NIO's decoder
    /// parses nothing more after that, whether it is granted or not.
    var endsConnection: Bool {
        guard method != .connect else { return true }
        return headerFields[values: .connection].contains { value in
            value.split(separator: ",").contains { option in
                ["close", "upgrade"].contains(option.filter { !$0.isWhitespace }.lowercased())
            }
        }
    }
}

extension HTTPResponse {
    /// Says how long the body is (RFC 9112 section 6), which the encoder cannot: it does not know the request's method.
    ///
    /// - Returns: Whether there is a body.
    mutating func frame(answeringHead isHead: Bool) -> Bool {
        let hasNoBody = status.kind == .informational || status == .noContent || status == .notModified
        if hasNoBody || isHead && headerFields[.transferEncoding] != nil { headerFields[.contentLength] = nil }
        let isWhole = hasNoBody || isHead || headerFields[.contentLength] != nil
        headerFields[.transferEncoding] = isWhole ? nil : "chunked"
        return !(hasNoBody || isHead)
    }
}
