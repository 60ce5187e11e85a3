/// A handwritten handshake in which a test can break any line (RFC 6455 section 4.1).
struct RawHandshake: Sendable {
    /// The example key of the RFC and its accept value (section 1.3).
    static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    var requestLine: String
    var headers: [(name: String, value: String)]
    var body = ""

    init(_ path: String, token: String? = nil) {
        requestLine = "GET \(path) HTTP/1.1"
        headers = [
            ("Host", "127.0.0.1"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", Self.key), ("Sec-WebSocket-Version", "13"),
        ]
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
    }

    /// Replaces or removes a header.
    mutating func set(_ name: String, _ value: String?) {
        headers.removeAll { $0.name == name }
        if let value { headers.append((name, value)) }
    }

    var bytes: [UInt8] {
        let lines = [requestLine] + headers.map { "\($0.name): \($0.value)" }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
    }
}

/// The head of a response.
struct RawResponse {
    var status: Int
    /// Keyed by lower-case names.
    var headers: [String: String]

    init(head: String) {
        let lines = head.split(separator: "\r\n")
        status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        headers = Dictionary(
            lines.dropFirst().map { line in
                let name = line.prefix { $0 != ":" }
                return (name.lowercased(), line.dropFirst(name.count + 1).drop { $0 == " " }.description)
            }, uniquingKeysWith: { $0 + "," + $1 })
    }
}
