import Foundation
import TestSupport
import Testing

@testable import WebServer

/// Responses are framed according to RFC 9112, so persistent connections and proxies parse them correctly.
@Suite("HTTP semantics")
struct HTTPSemanticsTests {
    private static let page = "<!doctype html><title>page</title>"

    private static func withServer(_ body: (LiveServer) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        try folder.write(page, to: "index.html")
        try folder.write("0123456789", to: "digits.txt")
        try await Endpoint.withServer(webDirectory: folder.url.path, body)
    }

    private static func send(_ requests: [String], on socket: RawSocket) async throws {
        for request in requests {
            try await socket.send(Array("\(request)\nhost: a\n\n".replacing("\n", with: "\r\n").utf8))
        }
    }

    /// Returns the responses to requests on one connection until it is closed.
    private static func answers(_ server: LiveServer, _ requests: String...) async throws -> String {
        let socket = try RawSocket(port: server.port)
        try await send(requests, on: socket)
        socket.finishSending()
        return try await socket.text()
    }

    private static func heads(_ text: String) -> [String] {
        text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0).lowercased() }
    }

    @Test(
        "A HEAD response has no body, and the next response on the connection follows it",
        arguments: ["/nothing", "/livez", "/digits.txt", "/", "/api/rooms"])
    func head(path: String) async throws {
        try await Self.withServer { server in
            let get = Self.heads(try await Self.answers(server, "GET \(path) HTTP/1.1"))
            let answers = Self.heads(
                try await Self.answers(server, "HEAD \(path) HTTP/1.1", "HEAD \(path) HTTP/1.1", "GET /livez HTTP/1.1"))
            try #require(answers.count == 3)
            for answer in answers.prefix(2) {
                #expect(answer.hasSuffix("\r\n\r\n"), "nothing follows the head")
                #expect(answer.prefix(3) == get[0].prefix(3))
                let length = /content-length: \d+/
                #expect(answer.firstMatch(of: length)?.0 == get[0].firstMatch(of: length)?.0)
                #expect(!answer.contains("transfer-encoding"))
            }
            #expect(answers[2].hasSuffix(#"{"status":"ok"}"#))
        }
    }

    @Test("A HEAD response of a streamed resource has no length")
    func streamedHead() async throws {
        try await Self.withServer { server in
            for number in 0..<10 { try server.publish("d\(number)", [("t", 1)]) }
            try server.ingest("sensors/a", #"{"t":1}"#)
            let request =
                "/api/readings?device=a HTTP/1.1\nauthorization: Bearer \(try await server.token())\naccept: text/csv"
            let get = Self.heads(try await Self.answers(server, "GET \(request)"))
            #expect(get[0].contains("transfer-encoding: chunked") && get[0].contains("time,device"))
            let head = Self.heads(try await Self.answers(server, "HEAD \(request)", "GET /livez HTTP/1.1"))
            #expect(head.count == 2 && head[0].hasPrefix("200") && head[0].hasSuffix("\r\n\r\n"))
            #expect(!head[0].contains("content-length") && !head[0].contains("transfer-encoding"))
        }
    }

    @Test("Range requests get the whole resource", arguments: ["bytes=0-4", "bytes=-5", "bytes=99999999-"])
    func ranges(range: String) async throws {
        try await Self.withServer { server in
            let answer = Self.heads(try await Self.answers(server, "GET /digits.txt HTTP/1.1\nrange: \(range)"))
            #expect(answer[0].hasPrefix("200") && answer[0].hasSuffix("0123456789"))
            #expect(!answer[0].contains("accept-ranges"))
        }
    }

    @Test(
        "A malformed path is rejected and not redirected",
        arguments: ["/index.html%00.png", "//app", "/%2fexample.org/", "/a%0d%0ab", "/%zz"])
    func paths(path: String) async throws {
        try await Self.withServer { server in
            let answer = Self.heads(try await Self.answers(server, "GET \(path) HTTP/1.1"))
            #expect(answer[0].hasPrefix("400") && !answer[0].contains("location:"))
        }
    }

    @Test(
        "An unsupported method is answered with 405 and the allowed ones",
        arguments: [
            ("TRACE", "/livez", "get, head"), ("DELETE", "/metrics", "get, head"), ("PUT", "/ws", "get, head, post"),
            ("POST", "/", "get, head"), ("DELETE", "/digits.txt", "get, head"),
        ])
    func methods(method: String, path: String, allowed: String) async throws {
        try await Self.withServer { server in
            let answer = Self.heads(try await Self.answers(server, "\(method) \(path) HTTP/1.1"))
            #expect(answer[0].hasPrefix("405") && answer[0].contains("allow: \(allowed)\r\n"))
        }
    }

    @Test(
        "After a request behind which NIO parses nothing, the connection ends with its response",
        arguments: [
            "GET /livez HTTP/1.1\nupgrade: h2c\nconnection: Upgrade, HTTP2-Settings", "CONNECT a:1 HTTP/1.1",
            "GET /ws HTTP/1.1\nupgrade: websocket\nconnection: Upgrade", "GET /livez HTTP/1.1\nconnection: foo, Close",
        ])
    func lastRequests(request: String) async throws {
        try await Self.withServer { server in
            for requests in [[request], ["GET /livez HTTP/1.1", request]] {
                let socket = try RawSocket(port: server.port)
                try await Self.send(requests, on: socket)
                let answers = Self.heads(try await socket.text(mayReset: true))
                #expect(answers.count == requests.count && answers.last?.contains("connection: close") == true)
                // The server does not wait for the rest and reads nothing more.
                let flood = [UInt8](repeating: 65, count: 4 << 20)
                let sent = try? await socket.send(flood, stalledAfter: .seconds(2))
                #expect(sent ?? 0 < flood.count)
            }
        }
    }

    @Test(
        "A request with a missing, duplicate or invalid Host is rejected, and the connection is closed",
        arguments: [
            "", "host: a\nhost: a\n", "host: a\nHost: b\n", "host: a/b\n", "host: a b\n", "host: u@a\n",
            "host: [::1\n", "host: a:b:c\n", "host: a:99999\n", "host: %zz\n", "host: ::1\n",
        ])
    func hosts(lines: String) async throws {
        try await Self.withServer { server in
            let socket = try RawSocket(port: server.port)
            let request = "GET /livez HTTP/1.1\n\(lines)\n".replacing("\n", with: "\r\n")
            try await socket.send(Array((request + request).utf8))
            let answers = Self.heads(try await socket.text(mayReset: true))
            #expect(answers.count == 1 && answers[0].hasPrefix("400") && answers[0].contains("connection: close"))
        }
    }

    @Test(
        "An HTTP/1.0 client gets a response without chunks, and the connection is closed",
        arguments: ["", "host: a\n"])
    func version(lines: String) async throws {
        try await Self.withServer { server in
            for number in 0..<10 { try server.publish("d\(number)", [("t", 1)]) }
            try server.ingest("sensors/a", #"{"t":1}"#)
            let fields =
                "authorization: Bearer \(try await server.token())\nconnection: keep-alive\nexpect: 100-continue\n"
            for (path, end) in [("/livez", #"{"status":"ok"}"#), ("/api/readings?device=a", ",\r\n")] {
                let socket = try RawSocket(port: server.port)
                let request = "GET \(path) HTTP/1.0\n\(lines)\(fields)accept: text/csv, application/json\n\n"
                    .replacing("\n", with: "\r\n")
                try await socket.send(Array((request + request).utf8))
                let answers = Self.heads(try await socket.text(mayReset: true))
                try #require(answers.count == 1)
                #expect(answers[0].hasPrefix("200") && answers[0].contains("connection: close"))
                #expect(!answers[0].contains("transfer-encoding"))
                #expect(answers[0].hasSuffix(end), "\(answers[0])")
            }
        }
    }

    @Test("Too long a path is answered with 414")
    func longPath() async throws {
        try await Self.withServer { server in
            let path = "/api/rooms/" + String(repeating: "%CC%81", count: 2000)
            let answer = Self.heads(try await Self.answers(server, "GET \(path)?x=1 HTTP/1.1"))
            #expect(answer.count == 1 && answer[0].hasPrefix("414") && answer[0].contains("at most 1024"))
            let query = "/livez?x=" + String(repeating: "a", count: 5000)
            #expect(Self.heads(try await Self.answers(server, "GET \(query) HTTP/1.1"))[0].hasPrefix("200"))
        }
    }

    @Test("A client that expects 100-continue gets it; an invalid chunked body is answered with 400")
    func bodies() async throws {
        try await Self.withServer { server in
            let token = try await server.token(publish: ["chat/#"])
            let head =
                "POST /api/rooms/messages HTTP/1.1\nauthorization: Bearer \(token)\ncontent-type: application/json"
            let socket = try RawSocket(port: server.port)
            let body = #"{"room_id":"chat/a","content":"hello"}"#
            try await Self.send(["\(head)\nexpect: 100-continue\ncontent-length: \(body.utf8.count)"], on: socket)
            #expect(String(decoding: try await socket.receive(), as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
            try await socket.send(Array(body.utf8))
            #expect(String(decoding: try await socket.receive(), as: UTF8.self).hasPrefix("HTTP/1.1 201 "))
            // No chunk follows the blank line that ends this head.
            let wrong = Self.heads(try await Self.answers(server, "\(head)\ntransfer-encoding: chunked"))
            #expect(wrong.first?.hasPrefix("400") == true, "\(wrong)")
        }
    }

    @Test("A response that closes the connection does not discard earlier responses")
    func earlierAnswers() async throws {
        try await Self.withServer { server in
            for _ in 1...10 {
                let socket = try RawSocket(port: server.port, receiveBufferBytes: 4096)
                let get = "GET /digits.txt HTTP/1.1\r\nhost: a\r\n\r\n"
                let early = "POST /api/rooms/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 2000\r\n\r\n"
                let text =
                    String(repeating: get, count: 20) + early + String(repeating: " ", count: 2000)
                    + String(repeating: get, count: 100)
                try await socket.send(Array(text.utf8))
                socket.finishSending()
                let answers = try await socket.text(mayReset: true)
                #expect(answers.ranges(of: "0123456789").count >= 20)
                #expect(answers.contains("HTTP/1.1 401 "))
            }
        }
    }

    @Test("A client cannot forge the internal header with a refusal's reason")
    func forgedRefusal() async throws {
        try await Self.withServer { server in
            let forged = "GET /ws HTTP/1.1\n\(UpgradeRefusal.headerName): 401 made up"
            let answers = Self.heads(try await Self.answers(server, forged, forged))
            #expect(answers.count == 2 && answers.allSatisfy { $0.hasPrefix("426") })
            #expect(!server.log.lines.contains { $0.contains("made up") })
        }
    }
}
