import NIOCore
import Testing

@testable import WebServer
@testable import windsock_echo

/// Messages split over arbitrary frames and segments (RFC 6455 sections 5.4 to 5.6), over raw sockets.
@Suite("RFC 6455 messages", .serialized)
struct MessageConformanceTests {
    /// Splits a message into frames of `size` bytes, with a ping (section 5.5.2) and an unsolicited pong (section
    /// 5.5.3) after each but the last. Also returns the pings' payloads.
    private static func fragmented(
        _ opcode: UInt8, _ payload: [UInt8], size: Int
    ) -> (bytes: [UInt8], pings: [[UInt8]]) {
        var (bytes, pings): ([UInt8], [[UInt8]]) = ([], [])
        for start in stride(from: 0, to: payload.count, by: size) {
            let end = min(start + size, payload.count)
            bytes += ClientFrame.bytes(
                start == 0 ? opcode : 0, Array(payload[start..<end]), isFinal: end == payload.count)
            if end < payload.count {
                let ping = Array("ping \(start)".utf8)
                bytes += ClientFrame.bytes(9, ping) + ClientFrame.bytes(10, [1, 2, 3])
                pings.append(ping)
            }
        }
        return (bytes, pings)
    }

    @Test(
        "Text in fragments of any size with pings in between is one message (5.4)",
        arguments: Endpoint.allCases, [1, 7, 50])
    func fragmentedText(_ endpoint: Endpoint, _ size: Int) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let text = endpoint.text(id: "κόσμε")
            let (bytes, pings) = Self.fragmented(1, Array(text.utf8), size: size)
            try await client.send(bytes)
            for ping in pings { #expect(try await client.frame() == .pong(ping)) }
            try await endpoint.expectAnswer(to: text, id: "κόσμε", client)
        }
    }

    @Test("Binary fragments form one binary message (5.4)", arguments: [1, 100, 4096])
    func fragmentedBinary(_ size: Int) async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.echo.open(server)
            let payload = (0..<size * 5 + 1).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let (bytes, pings) = Self.fragmented(2, payload, size: size)
            try await client.send(bytes)
            for ping in pings { #expect(try await client.frame() == .pong(ping)) }
            #expect(try await client.frame() == .binary(payload))
        }
    }

    @Test("Binary is rejected at /ws, unfragmented or fragmented (7.4.1)", arguments: [true, false])
    func noBinary(isFinal: Bool) async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.stream.open(server)
            try await client.send(ClientFrame.bytes(2, [1], isFinal: isFinal))
            if !isFinal { try await client.send(ClientFrame.bytes(0, [2])) }
            #expect(try await client.closed() == 1003)
        }
    }

    @Test("Empty fragments are accepted (5.4)", arguments: Endpoint.allCases)
    func emptyFragments(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let text = endpoint.text()
            try await client.send(
                ClientFrame.text("", isFinal: false), ClientFrame.rest("", isFinal: false),
                ClientFrame.rest(text, isFinal: false), ClientFrame.rest("", isFinal: false), ClientFrame.rest(""))
            try await endpoint.expectAnswer(to: text, client)
        }
    }

    @Test("A message of empty fragments is echoed as an empty message (5.4)")
    func nothing() async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.echo.open(server)
            try await client.send(ClientFrame.text("", isFinal: false), ClientFrame.rest(""))
            try await client.send(ClientFrame.bytes(2, [], isFinal: false), ClientFrame.bytes(0, []))
            #expect(try await client.frame() == .text(""))
            #expect(try await client.frame() == .binary([]))
        }
    }

    @Test("Frames may arrive byte by byte (5.2)", arguments: Endpoint.allCases)
    func bytewise(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let text = endpoint.text(byteCount: 200)
            let half = text.index(text.startIndex, offsetBy: 60)
            try await client.socket.sendBytewise(
                ClientFrame.text(String(text[..<half]), isFinal: false) + ClientFrame.bytes(9, [1, 2, 3, 4, 5])
                    + ClientFrame.rest(String(text[half...])) + ClientFrame.close(1000))
            #expect(try await client.frame() == .pong([1, 2, 3, 4, 5]))
            try await endpoint.expectAnswer(to: text, client)
            #expect(try await client.closed() == 1000)
        }
    }

    @Test("Many frames in one segment are answered in order (5.4)", arguments: Endpoint.allCases)
    func manyInOneSegment(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let texts = (0..<60).map { endpoint.text(id: "\($0)") }
            try await client.send(texts.flatMap { ClientFrame.text($0) })
            for (number, text) in texts.enumerated() {
                try await endpoint.expectAnswer(to: text, id: "\(number)", client)
            }
        }
    }

    @Test("A ping is answered with a pong of the same payload (5.5.3)", arguments: Endpoint.allCases, [0, 1, 125])
    func ping(_ endpoint: Endpoint, _ count: Int) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let payload = (0..<count).map { UInt8(255 - $0) }
            try await client.send(ClientFrame.bytes(10, payload), ClientFrame.bytes(9, payload))
            #expect(try await client.frame() == .pong(payload))
        }
    }

    static let payloadSizes = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537]

    @Test(
        "Messages with every length encoding are echoed, in the shortest encoding (5.2)", arguments: payloadSizes,
        [1, 2])
    func sizes(_ count: Int, _ opcode: UInt8) async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.echo.open(server)
            let payload = (0..<count).map { UInt8(97 + $0 % 26) }
            try await client.send(ClientFrame.bytes(opcode, payload))
            #expect(try await client.frame() == ReceivedFrame(opcode: opcode, payload: ByteBuffer(bytes: payload)))
        }
    }

    @Test("Commands with every length encoding are understood (5.2)", arguments: [125, 126, 127, 65_535, 65_536])
    func commandSizes(_ count: Int) async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.stream.open(server)
            let text = Endpoint.stream.text(byteCount: count)
            try await client.send(ClientFrame.text(text))
            try await Endpoint.stream.expectAnswer(to: text, client)
        }
    }

    private static func limit(of endpoint: Endpoint) -> Int {
        endpoint == .echo ? EchoConnection.maxMessageBytes : ConnectionLimits().maxMessageBytes
    }

    @Test("A message of the maximum size is accepted (10.4)", arguments: Endpoint.allCases, [1, 3])
    func largest(_ endpoint: Endpoint, _ pieces: Int) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let payload = Array(endpoint.text(byteCount: Self.limit(of: endpoint)).utf8)
            let size = payload.count / pieces + 1
            for start in stride(from: 0, to: payload.count, by: size) {
                let piece = payload[start..<min(start + size, payload.count)]
                let header = ClientFrame.header(
                    start == 0 ? 1 : 0, isFinal: piece.endIndex == payload.count, count: UInt64(piece.count),
                    lengthByteCount: piece.count < 65_536 ? 2 : 8)
                try await client.send(header, Array(piece))
            }
            try await endpoint.expectAnswer(to: String(decoding: payload, as: UTF8.self), client)
        }
    }

    @Test(
        "A message above the maximum size is closed with 1009 by its header alone (7.4.1)",
        arguments: Endpoint.allCases, [1, 2])
    func tooLarge(_ endpoint: Endpoint, _ opcode: UInt8) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let count = UInt64(Self.limit(of: endpoint) + 1)
            try await client.send(ClientFrame.header(opcode, count: count, lengthByteCount: 8))
            #expect(try await client.closed() == 1009)
        }
    }

    @Test(
        "A fragment that makes a message too large is closed with 1009 by its header alone",
        arguments: Endpoint.allCases)
    func tooLargeInFragments(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let limit = Self.limit(of: endpoint)
            try await client.send(
                ClientFrame.text("x", isFinal: false),
                ClientFrame.header(0, count: UInt64(limit), lengthByteCount: 8))
            #expect(try await client.closed() == 1009)
        }
    }
}
