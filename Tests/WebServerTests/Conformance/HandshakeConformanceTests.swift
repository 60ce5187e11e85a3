import NIOCore
import TestSupport
import Testing

@testable import WebServer

/// Accepted and rejected handshakes (RFC 6455 section 4.2), over raw sockets.
@Suite("RFC 6455 handshake", .serialized)
struct HandshakeConformanceTests {
    /// A handshake with one modification.
    struct Variant: Sendable, CustomTestStringConvertible {
        var section: String
        var name: String
        var status: Int
        var change: @Sendable (inout RawHandshake) -> Void

        init(
            _ section: String, _ name: String, _ status: Int, _ change: @escaping @Sendable (inout RawHandshake) -> Void
        ) {
            self.section = section
            self.name = name
            self.status = status
            self.change = change
        }

        /// Replaces the value of one header, or removes the header when `value` is nil.
        init(_ section: String, _ status: Int, _ header: String, _ value: String?) {
            self.init(section, "\(header): \(value ?? "missing")", status) { $0.set(header, value) }
        }

        var testDescription: String { "\(section) \(name)" }
    }

    static let goodVariants: [Variant] = [
        Variant("4.2.1 (3)", 101, "Upgrade", "WebSocket"),
        Variant("4.2.1 (3)", 101, "Upgrade", "h2c, websocket"),
        Variant("4.2.1 (4)", 101, "Connection", "keep-alive, Upgrade"),
        Variant("4.2.1 (4)", 101, "Connection", "UPGRADE"),
        Variant("4.2.1 (9)", 101, "Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        Variant("4.2.1 (10)", 101, "X-Something-Else", "1"),
        Variant("4.2.1 (1)", "a query", 101) { $0.requestLine.replace(" HTTP", with: "?a=b HTTP") },
        Variant("4.2.1 (1)", "a whole URL", 101) { $0.requestLine.replace("GET /", with: "GET http://127.0.0.1/") },
        Variant("4.2.1", "names in small letters", 101) { handshake in
            handshake.headers = handshake.headers.map { ($0.name.lowercased(), $0.value) }
        },
        Variant("4.2.1", "names in capital letters", 101) { handshake in
            handshake.headers = handshake.headers.map { ($0.name.uppercased(), $0.value) }
        },
    ]

    static let faultyVariants: [Variant] = [
        Variant("4.2.1 (1)", "POST", 400) { $0.requestLine.replace("GET", with: "POST") },
        Variant("4.2.1 (1)", "HTTP/1.0", 400) { $0.requestLine.replace("1.1", with: "1.0") },
        Variant("4.2.1 (2)", 400, "Host", nil),
        Variant("4.2.1 (2)", 400, "Host", ""),
        Variant("4.2.1 (2)", "Host twice", 400) { $0.headers.append(("Host", "other")) },
        Variant("4.2.1 (3)", 426, "Upgrade", nil),
        Variant("4.2.1 (3)", 426, "Upgrade", "websockets"),
        Variant("4.2.1 (3)", 426, "Upgrade", "h2c"),
        Variant("4.2.1 (4)", 426, "Connection", nil),
        Variant("4.2.1 (4)", 426, "Connection", "keep-alive"),
        Variant("4.2.1 (4)", "a field of marks", 400) {
            $0.headers.append(("Connection", String(repeating: "\u{316}\u{301}", count: 500)))
        },
        Variant("4.2.1 (5)", 400, "Sec-WebSocket-Key", nil),
        Variant("4.2.1 (5)", 400, "Sec-WebSocket-Key", ""),
        Variant("4.2.1 (5)", 400, "Sec-WebSocket-Key", "c2hvcnQ="),
        Variant("4.2.1 (5)", 400, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTE="),
        Variant("4.2.1 (5)", 400, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTEyMw=="),
        Variant("4.2.1 (5)", 400, "Sec-WebSocket-Key", "dGhlIHNhbXBsZS!ub25jZQ=="),
        Variant("11.3.1", "Sec-WebSocket-Key twice", 400) {
            $0.headers.append(("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="))
        },
        Variant("4.2.1 (6)", 426, "Sec-WebSocket-Version", nil),
        Variant("4.2.1 (6)", 426, "Sec-WebSocket-Version", "8"),
        Variant("4.2.1 (6)", 426, "Sec-WebSocket-Version", "14"),
        Variant("4.2.1 (6)", 426, "Sec-WebSocket-Version", "13x"),
        Variant("4.1", "a body", 400) {
            $0.set("Content-Length", "5")
            $0.body = "hello"
        },
        Variant("4.1", "a body in chunks", 400) {
            $0.set("Transfer-Encoding", "chunked")
            $0.body = "5\r\nhello\r\n0\r\n\r\n"
        },
    ]

    @Test("A valid handshake is accepted, with any additional headers", arguments: Endpoint.allCases, goodVariants)
    func accepted(_ endpoint: Endpoint, _ variant: Variant) async throws {
        try await Endpoint.withServer { server in
            var handshake = try await endpoint.handshake(server)
            variant.change(&handshake)
            let client = try RawWebSocket(port: server.port(of: endpoint))
            try await client.send(handshake.bytes)
            let response = try await client.response()
            #expect(response.status == 101)
            #expect(response.headers["upgrade"]?.lowercased() == "websocket")
            #expect(response.headers["connection"]?.lowercased() == "upgrade")
            #expect(response.headers["sec-websocket-accept"] == RawHandshake.accept)
            #expect(response.headers["sec-websocket-extensions"] == nil, "none is offered (9.1)")
            #expect(response.headers["sec-websocket-protocol"] == nil, "none was asked for (4.2.2)")
            try await endpoint.greeted(client)
            try await client.send(ClientFrame.text(endpoint.text()))
            try await endpoint.expectAnswer(to: endpoint.text(), client)
        }
    }

    @Test("An invalid handshake is answered with the appropriate status", arguments: Endpoint.allCases, faultyVariants)
    func refused(_ endpoint: Endpoint, _ variant: Variant) async throws {
        try await Endpoint.withServer { server in
            var handshake = try await endpoint.handshake(server)
            variant.change(&handshake)
            let client = try RawWebSocket(port: server.port(of: endpoint))
            try await client.send(handshake.bytes)
            let response = try await client.response()
            #expect(response.status == variant.status)
            if variant.status == 426 {
                #expect(response.headers["sec-websocket-version"] == "13", "4.2.2, 4.4")
                #expect(response.headers["upgrade"] == "websocket", "RFC 9110 section 15.5.22")
            }
        }
    }

    @Test("A handshake may arrive byte by byte", arguments: Endpoint.allCases)
    func bytewise(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try RawWebSocket(port: server.port(of: endpoint))
            try await client.socket.sendBytewise(try await endpoint.handshake(server).bytes)
            #expect(try await client.response().status == 101)
            try await endpoint.greeted(client)
            try await client.send(ClientFrame.text(endpoint.text()))
            try await endpoint.expectAnswer(to: endpoint.text(), client)
        }
    }

    @Test("Frames in the same segment as the handshake are not lost", arguments: Endpoint.allCases)
    func early(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try RawWebSocket(port: server.port(of: endpoint))
            let texts = [endpoint.text(id: "1"), endpoint.text(id: "2")]
            try await client.send(
                try await endpoint.handshake(server).bytes, texts.flatMap { ClientFrame.text($0) })
            #expect(try await client.response().status == 101)
            try await endpoint.greeted(client)
            try await endpoint.expectAnswer(to: texts[0], id: "1", client)
            try await endpoint.expectAnswer(to: texts[1], id: "2", client)
        }
    }

    @Test(
        "An incomplete handshake is ended by the timeout, also if bytes keep arriving",
        arguments: Endpoint.allCases, [false, true])
    func slow(_ endpoint: Endpoint, isTrickling: Bool) async throws {
        try await Endpoint.withServer(limits: ConnectionLimits(handshakeTimeout: .milliseconds(300))) { server in
            let client = try RawWebSocket(port: server.port(of: endpoint))
            try await client.send(Array(try await endpoint.handshake(server).bytes.dropLast(2)))
            try await eventually("the server ends the connection") {
                do {
                    return try await client.socket.receive(within: .milliseconds(20)).isEmpty
                } catch let failure as RawSocket.Failure {
                    if !failure.isReset, isTrickling { try? await client.socket.send(Array("a".utf8)) }
                    return failure.isReset
                }
            }
        }
    }

    @Test("A handshake that announces a body is rejected without waiting for it", arguments: Endpoint.allCases)
    func announcedBody(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            var handshake = try await endpoint.handshake(server)
            handshake.set("Content-Length", "100")
            let client = try RawWebSocket(port: server.port(of: endpoint))
            try await client.send(handshake.bytes)
            #expect(try await client.response().status == 400)
        }
    }
}
