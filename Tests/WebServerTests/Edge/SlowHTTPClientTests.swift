import Foundation
import NIOCore
import Services
import TestSupport
import Testing

@testable import WebServer

/// Slow senders and slow readers are disconnected after a limited time.
@Suite("Slow HTTP clients")
struct SlowHTTPClientTests {
    /// A request whose body is never completed.
    private static func slowRequest(token: String) -> [UInt8] {
        Array(
            """
            POST /api/rooms/messages HTTP/1.1\r
            host: a\r
            authorization: Bearer \(token)\r
            content-type: application/json\r
            content-length: 40\r
            \r
            {
            """.utf8)
    }

    @Test("A body that arrives too slowly is answered with 408, and the connection is closed")
    func slowBody() async throws {
        try await Endpoint.withServer(limits: ConnectionLimits(bodyTimeout: .milliseconds(300))) { server in
            let token = try await server.token(publish: ["chat/#"])
            let socket = try RawSocket(port: server.port)
            try await socket.send(Self.slowRequest(token: token))
            let answer = try await socket.text(mayReset: true)
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
            #expect(answer.lowercased().contains("connection: close"))
            #expect(answer.contains("arrived too slowly"))
        }
    }

    @Test("Responses that are read late are not truncated by the timeout of a later request's body")
    func slowBodyBehindAnswers() async throws {
        let folder = try TemporaryFolder()
        let byteCount = 4 << 20
        try folder.write(String(repeating: "x", count: byteCount), to: "large.txt")
        let server = try await LiveServer(
            limits: ConnectionLimits(bodyTimeout: .milliseconds(300), idleTimeout: .milliseconds(200)),
            heartbeat: .init(writeTimeout: .seconds(600)), webDirectory: folder.url.path)
        let slow = Self.slowRequest(token: try await server.token(publish: ["chat/#"]))
        // More than the system's socket buffers hold.
        let socket = try RawSocket(port: server.port, receiveBufferBytes: 4096)
        try await socket.send(
            Array(String(repeating: "GET /large.txt HTTP/1.1\r\nhost: a\r\n\r\n", count: 3).utf8) + slow)
        // Read nothing until the server has timed out such bodies on other connections.
        for _ in 1...2 {
            let other = try RawSocket(port: server.port)
            try await other.send(slow)
            #expect(try await other.text(mayReset: true).hasPrefix("HTTP/1.1 408 "))
        }
        let answers = try await socket.text(mayReset: true).components(separatedBy: "HTTP/1.1 ").dropFirst()
        #expect(answers.map { $0.prefix(3) } == ["200", "200", "200", "408"])
        #expect(answers.prefix(3).allSatisfy { $0.utf8.count > byteCount })
        try await server.stop()
    }

    @Test("An idle connection is closed after the timeout")
    func idleConnection() async throws {
        try await Endpoint.withServer(limits: ConnectionLimits(idleTimeout: .milliseconds(200))) { server in
            let socket = try RawSocket(port: server.port)
            try await socket.send(Array("GET /livez HTTP/1.1\r\nhost: a\r\n\r\n".utf8))
            #expect(try await socket.text().hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("A body that arrives in time is accepted in any number of parts, and the connection is kept")
    func patientBody() async throws {
        try await Endpoint.withServer { server in
            let token = try await server.token(publish: ["chat/#"])
            let socket = try RawSocket(port: server.port)
            let body = #"{"room_id":"chat/a","content":"hello"}"#
            for _ in 1...2 {
                try await socket.send(
                    Array(
                        ("POST /api/rooms/messages HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(token)\r\n"
                            + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n").utf8))
                try await socket.sendBytewise(Array(body.utf8))
                let answer = String(decoding: try await socket.receive(), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 201 "))
            }
        }
    }

    @Test(
        "An error known from the head is sent at once, and the body is not read",
        arguments: ["/api/rooms/messages", "/nothing/there"])
    func earlyError(path: String) async throws {
        try await Endpoint.withServer { server in
            let socket = try RawSocket(port: server.port)
            try await socket.send(
                Array("POST \(path) HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n".utf8))
            let answer = String(decoding: try await socket.receive(), as: UTF8.self)
            #expect(answer.hasPrefix(path.hasPrefix("/api") ? "HTTP/1.1 401 " : "HTTP/1.1 404 "))
            #expect(answer.lowercased().contains("connection: close"))
            // Bytes that fit into the socket buffers are not read by the server.
            let sent = try? await socket.send([UInt8](repeating: 65, count: 64 << 20), stalledAfter: .seconds(30))
            #expect(sent ?? 0 < 32 << 20, "the connection was reset, or nothing more is read")
        }
    }

    @Test("A client that does not read a large response is disconnected, and further responses are not produced")
    func unreadAnswer() async throws {
        let limits = ConnectionLimits(userRequests: 1)
        let server = try await LiveServer(
            limits: limits, heartbeat: .init(writeTimeout: .milliseconds(500)),
            history: .init(maxContentBytes: 1 << 20))
        let token = try await server.token("ann", join: ["chat/#"])
        let large = String(repeating: "x", count: 500_000)
        for _ in 1...4 { try await server.say(large, in: "chat/a") }
        let socket = try RawSocket(port: server.port, receiveBufferBytes: 4096)
        let request =
            "GET /api/rooms/history?room_id=chat/a&limit=500 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(token)\r\n\r\n"
        // One response may fit into the system's buffers, but not this many.
        try await socket.send(Array(String(repeating: request, count: 20).utf8))
        try await eventually("the client was disconnected") { server.cap.count == 0 }
        try await eventually("its request has ended") {
            try await server.get("/api/dashboards", token: token).status == 200
        }
        try await server.stop()
    }

    @Test("Concurrent requests share one rendering of a cached text")
    func sharedText() {
        let counter = CallCounter()
        let text = CachedText { "\(counter.next())" }
        let now = NIODeadline.now()
        #expect(String(buffer: text.bytes(now: now)) == "1")
        #expect(String(buffer: text.bytes(now: now)) == "1")
        #expect(String(buffer: text.bytes(now: now + .seconds(2))) == "2")
    }

    @Test("While a text is rendered again, other requests get the previous one without waiting")
    func textBeingRendered() {
        let counter = CallCounter()
        let (isRendering, mayEnd, hasEnded) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        let text = CachedText {
            let number = counter.next()
            if number == 2 {
                isRendering.signal()
                mayEnd.wait()
            }
            return "\(number)"
        }
        let now = NIODeadline.now()
        #expect(String(buffer: text.bytes(now: now)) == "1")
        Thread.detachNewThread {
            _ = text.bytes(now: now + .seconds(2))
            hasEnded.signal()
        }
        isRendering.wait()
        #expect(String(buffer: text.bytes(now: now + .seconds(2))) == "1")
        mayEnd.signal()
        hasEnded.wait()
        #expect(String(buffer: text.bytes(now: now + .seconds(2))) == "2")
    }
}
