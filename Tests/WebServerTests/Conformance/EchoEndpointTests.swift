import NIOCore
import Realtime
import TestSupport
import Testing

@testable import WebServer

/// Properties of the echo endpoint beyond the protocol: opt-in, unauthenticated and bounded.
@Suite("Echo endpoint", .serialized)
struct EchoEndpointTests {
    @Test("The endpoint does not exist unless configured")
    func off() async throws {
        let server = try await LiveServer()
        let client = try RawWebSocket(port: server.port)
        try await client.send(RawHandshake("/echo").bytes)
        #expect(try await client.response().status == 404)
        try await server.stop()
    }

    @Test("The endpoint sends no greeting, needs no token, accepts any origin and selects no subprotocol")
    func open() async throws {
        try await Endpoint.withServer { server in
            var handshake = RawHandshake("/echo")
            handshake.set("Origin", "https://elsewhere.example")
            handshake.set("Sec-WebSocket-Protocol", "windsock.v1, chat")
            let client = try RawWebSocket(port: server.port)
            try await client.send(handshake.bytes, ClientFrame.text("first"))
            let response = try await client.response()
            #expect(response.status == 101)
            #expect(response.headers["sec-websocket-protocol"] == nil)
            #expect(try await client.frame() == .text("first"))
            #expect(server.hub.presence.clientCount == 0, "the hub has no client for it")
        }
    }

    @Test("The endpoint does not affect /ws, which still requires a token and checks the origin")
    func nothingElse() async throws {
        try await Endpoint.withServer { server in
            var handshake = RawHandshake("/ws")
            var client = try RawWebSocket(port: server.port)
            try await client.send(handshake.bytes)
            #expect(try await client.response().status == 401)
            handshake = try await Endpoint.stream.handshake(server)
            handshake.set("Origin", "https://elsewhere.example")
            client = try RawWebSocket(port: server.port)
            try await client.send(handshake.bytes)
            #expect(try await client.response().status == 403)
        }
    }

    @Test("The log warns that the endpoint is enabled")
    func warns() async throws {
        try await Endpoint.withServer { server in
            #expect(server.log.lines.contains { $0.contains("echo endpoint is enabled") && $0.contains("/echo") })
        }
    }

    @Test("Back-pressure: a peer that does not read is not read from, and gets everything once it reads")
    func backPressure() async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.echo.open(server, receiveBufferBytes: 16_384)
            let payload = [UInt8](repeating: 7, count: 1 << 20)
            let message = ClientFrame.header(2, count: UInt64(payload.count), lengthByteCount: 8) + payload
            var bytes: [UInt8] = []
            // Far more than the system's socket buffers hold.
            let count = 48
            for _ in 0..<count { bytes += message }
            let sent = try await client.socket.send(bytes, stalledAfter: .milliseconds(500))
            #expect(sent < bytes.count / 2, "the server stopped reading after \(sent) of \(bytes.count) bytes")
            let (socket, unsent) = (client.socket, Array(bytes[sent...]))
            async let rest = socket.send(unsent, stalledAfter: .seconds(20))
            for _ in 0..<count { #expect(try await client.frame() == .binary(payload)) }
            #expect(try await rest == bytes.count - sent)
        }
    }

    @Test("A peer that never reads does not delay the shutdown")
    func shutdownWithStuckPeer() async throws {
        let limits = ConnectionLimits(closeTimeout: .milliseconds(200))
        let server = try await LiveServer(limits: limits, echoPath: EchoPath("/echo"))
        let client = try await Endpoint.echo.open(server, receiveBufferBytes: 4096)
        let payload = [UInt8](repeating: 7, count: 8 << 20)
        try await client.send(ClientFrame.header(2, count: UInt64(payload.count), lengthByteCount: 8), payload)
        _ = try await client.socket.receive()
        try await withDeadline("the server stopped", .seconds(60)) { try await server.stop() }
        client.socket.close()
    }

    static let wrongPaths = [
        ("", "such as /echo"), ("echo", "begins with /"), ("/", "such as /echo"), ("/a//b", "such as /echo"),
        ("/echo/", "such as /echo"), ("/a b", "letters"), ("/e?x", "letters"), ("/:id", "letters"), ("/*", "letters"),
        ("/{x}", "letters"), ("/é", "letters"), ("/..", "letters"), ("/a/../ws", "letters"),
        ("/" + String(repeating: "e", count: 128), "128 bytes"), ("/ws", "is taken"), ("/ws/echo", "is taken"),
        ("/api", "is taken"), ("/api/echo", "is taken"), ("/v1/traces", "is taken"), ("/metrics", "is taken"),
        ("/livez", "is taken"), ("/readyz", "is taken"), ("/vendor/x", "is taken"), ("/openapi.json", "is taken"),
    ]

    @Test("An invalid or reserved path is rejected with the reason", arguments: wrongPaths)
    func mistakes(_ text: String, _ words: String) {
        let mistake = #expect(throws: EchoPath.Mistake.self) { try EchoPath(text) }
        #expect(mistake?.description.contains(words) == true, "\(mistake?.description ?? "")")
        #expect(mistake?.description.contains("\"\(text)\"") == true)
    }

    @Test("Any other plain path is accepted", arguments: ["/echo", "/e", "/test/echo-1", "/wsx", "/Echo_~.x"])
    func paths(_ text: String) throws {
        #expect(try EchoPath(text).text == text)
    }
}
