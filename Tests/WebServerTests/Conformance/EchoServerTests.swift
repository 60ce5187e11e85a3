import NIOCore
import Realtime
import TestSupport
import Testing

@testable import WebServer

/// Properties of the echo server beyond the protocol: apart from the gateway, unauthenticated and bounded.
@Suite("Echo server", .serialized)
struct EchoServerTests {
    @Test("The gateway does not echo")
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
            let client = try RawWebSocket(port: server.port(of: .echo))
            try await client.send(handshake.bytes, ClientFrame.text("first"))
            let response = try await client.response()
            #expect(response.status == 101)
            #expect(response.headers["sec-websocket-protocol"] == nil)
            #expect(try await client.frame() == .text("first"))
        }
    }

    @Test("Any other path is not found", arguments: ["/ws", "/echo/", "/", "/api/rooms"])
    func nothingElse(_ path: String) async throws {
        try await Endpoint.withServer { server in
            let client = try RawSocket(port: server.port(of: .echo))
            try await client.send(RawHandshake(path).bytes)
            #expect(try await client.text().hasPrefix("HTTP/1.1 404 "))
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
        let server = try await LiveServer(limits: limits, hasEcho: true)
        let client = try await Endpoint.echo.open(server, receiveBufferBytes: 4096)
        let payload = [UInt8](repeating: 7, count: 8 << 20)
        try await client.send(ClientFrame.header(2, count: UInt64(payload.count), lengthByteCount: 8), payload)
        _ = try await client.socket.receive()
        try await withDeadline("the server stopped", .seconds(60)) { try await server.stop() }
        client.socket.close()
    }
}
