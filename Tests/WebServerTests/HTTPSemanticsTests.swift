import Foundation
import TestSupport
import Testing

@testable import WebServer

/// Answers are framed as RFC 9112 says, so that whoever keeps the connection, or stands between, reads them right.
@Suite("HTTP to the letter")
struct HTTPSemanticsTests {
    private static let page = "<!doctype html><title>page</title>"

    private static func withServer(_ body: (LiveServer) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        try folder.write(page, to: "index.html")
        try folder.write("0123456789", to: "digits.txt")
        let server = try await LiveServer(webDirectory: folder.url.path)
        do {
            try await body(server)
        } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }

    /// What requests on one connection are answered, until it is closed.
    private static func answers(_ server: LiveServer, _ requests: String...) async throws -> String {
        let socket = try RawSocket(port: server.port)
        for request in requests {
            let lines = request.split(separator: "\n").joined(separator: "\r\n")
            try await socket.send(Array((lines + "\r\nhost: a\r\n\r\n").utf8))
        }
        socket.finishSending()
        var text = ""
        while case let bytes = try await socket.receive(), !bytes.isEmpty {
            text += String(decoding: bytes, as: UTF8.self)
        }
        return text
    }

    private static func heads(_ text: String) -> [String] {
        text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0).lowercased() }
    }

    @Test(
        "The answer to HEAD has no body, and the next answer on the connection is read right",
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

    @Test("The answer to HEAD of what is streamed names no length")
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

    @Test("Ranges are not served: the answer is the whole", arguments: ["bytes=0-4", "bytes=-5", "bytes=99999999-"])
    func ranges(range: String) async throws {
        try await Self.withServer { server in
            let answer = Self.heads(try await Self.answers(server, "GET /digits.txt HTTP/1.1\nrange: \(range)"))
            #expect(answer[0].hasPrefix("200") && answer[0].hasSuffix("0123456789"))
            #expect(!answer[0].contains("accept-ranges"))
        }
    }

    @Test(
        "A path that means nothing is refused, and leads nowhere",
        arguments: ["/index.html%00.png", "//app", "/%2fexample.org/", "/a%0d%0ab", "/%zz"])
    func paths(path: String) async throws {
        try await Self.withServer { server in
            let answer = Self.heads(try await Self.answers(server, "GET \(path) HTTP/1.1"))
            #expect(answer[0].hasPrefix("400") && !answer[0].contains("location:"))
        }
    }

    @Test(
        "A method that a path does not have is answered with 405 and those that it has",
        arguments: [
            ("TRACE", "/livez", "get, head"), ("DELETE", "/metrics", "get, head"), ("PUT", "/ws", "get, head, post"),
        ])
    func methods(method: String, path: String, allowed: String) async throws {
        try await Self.withServer { server in
            let answer = Self.heads(try await Self.answers(server, "\(method) \(path) HTTP/1.1"))
            #expect(answer[0].hasPrefix("405") && answer[0].contains("allow: \(allowed)\r\n"))
        }
    }

    @Test("Nobody can make up why a handshake was refused, on a connection that is kept neither")
    func forgedRefusal() async throws {
        try await Self.withServer { server in
            let forged = "GET /ws HTTP/1.1\n\(UpgradeRefusal.headerName): 401 made up"
            let answers = Self.heads(try await Self.answers(server, forged, forged))
            #expect(answers.count == 2 && answers.allSatisfy { $0.hasPrefix("426") })
            #expect(!server.log.lines.contains { $0.contains("made up") })
        }
    }
}
