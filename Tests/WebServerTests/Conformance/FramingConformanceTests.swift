import Testing

@testable import WebServer

/// Frames that clients must not send (RFC 6455 sections 5.1 to 5.5), over raw sockets.
@Suite("RFC 6455 framing", .serialized)
struct FramingConformanceTests {
    private static let begun = ClientFrame.text("begun", isFinal: false)

    static let reservedUses: [Breach] =
        [0x40, 0x20, 0x10, 0x70].flatMap { bits in
            [
                Breach("5.2", "reserved bits \(bits) in text", ClientFrame.bytes(1, [65], reserved: bits)),
                Breach("5.2", "reserved bits \(bits) in a ping", ClientFrame.bytes(9, [65], reserved: bits)),
                Breach("5.2", "reserved bits \(bits) in close", ClientFrame.bytes(8, [3, 232], reserved: bits)),
                Breach(
                    "5.2", "reserved bits \(bits) in a continuation", begun,
                    ClientFrame.bytes(0, [65], reserved: bits)),
            ]
        }
        + [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap { opcode in
            [
                Breach("5.2", "opcode \(opcode)", ClientFrame.bytes(opcode, [])),
                Breach("5.2", "opcode \(opcode) with a payload", ClientFrame.bytes(opcode, [65])),
                Breach("5.2", "opcode \(opcode) inside a message", begun, ClientFrame.bytes(opcode, [])),
            ]
        }

    static let wrongHeaders: [Breach] =
        [1, 2, 8, 9, 10].map { opcode in
            Breach("5.1", "opcode \(opcode), not masked", ClientFrame.bytes(opcode, [], isMasked: false))
        }
        + [8, 9, 10].flatMap { opcode in
            [
                Breach("5.5", "control frame \(opcode), fragmented", ClientFrame.bytes(opcode, [], isFinal: false)),
                Breach(
                    "5.5", "control frame \(opcode) of 126 bytes",
                    ClientFrame.bytes(opcode, [UInt8](repeating: 65, count: 126))),
                Breach(
                    "5.5", "control frame \(opcode) of 16 bits' length, the first two bytes", [0x80 | opcode, 0xFE]),
                Breach(
                    "5.5", "control frame \(opcode) of 64 bits' length, the first two bytes", [0x80 | opcode, 0xFF]),
            ]
        }
        + [
            Breach("5.2", "0 bytes, written as 16 bits", ClientFrame.header(1, count: 0, lengthByteCount: 2)),
            Breach("5.2", "125 bytes, written as 16 bits", ClientFrame.header(1, count: 125, lengthByteCount: 2)),
            Breach("5.2", "125 bytes, written as 64 bits", ClientFrame.header(1, count: 125, lengthByteCount: 8)),
            Breach("5.2", "65535 bytes, written as 64 bits", ClientFrame.header(2, count: 65_535, lengthByteCount: 8)),
            Breach("5.2", "the length's top bit", ClientFrame.header(1, count: 1 << 63, lengthByteCount: 8)),
            Breach("5.2", "all of the length's bits", ClientFrame.header(2, count: .max, lengthByteCount: 8)),
        ]

    static let wrongOrders: [Breach] = [
        Breach("5.4", "a final continuation of nothing", ClientFrame.rest("x")),
        Breach("5.4", "a continuation of nothing", ClientFrame.rest("x", isFinal: false)),
        Breach("5.4", "an empty continuation of nothing", ClientFrame.rest("")),
        Breach("5.4", "text inside a message", begun, ClientFrame.text("x")),
        Breach("5.4", "fragmented text inside a message", begun, ClientFrame.text("x", isFinal: false)),
        Breach("5.4", "binary inside a text message", begun, ClientFrame.bytes(2, [0])),
        Breach("5.4", "text inside a binary message", ClientFrame.bytes(2, [0], isFinal: false), ClientFrame.text("x")),
        Breach(
            "5.4", "text inside a message, after a ping", begun, ClientFrame.bytes(9, []), ClientFrame.text("x")),
    ]

    @Test("Reserved bits and opcodes close the connection with 1002", arguments: Endpoint.allCases)
    func reserved(_ endpoint: Endpoint) async throws {
        try await endpoint.expectClosed(Self.reservedUses)
    }

    @Test(
        "Unmasked frames, invalid control frames and lengths close the connection with 1002",
        arguments: Endpoint.allCases)
    func headers(_ endpoint: Endpoint) async throws {
        try await endpoint.expectClosed(Self.wrongHeaders)
    }

    @Test("Fragments out of order close the connection with 1002", arguments: Endpoint.allCases)
    func order(_ endpoint: Endpoint) async throws {
        try await endpoint.expectClosed(Self.wrongOrders)
    }

    @Test("Messages before a violation are answered, later ones are not (7.1.7)", arguments: Endpoint.allCases)
    func beforeAndAfter(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let text = endpoint.text()
            try await client.send(
                ClientFrame.bytes(9, [7]), ClientFrame.text(text), ClientFrame.bytes(1, [65], reserved: 0x40),
                ClientFrame.text(text), ClientFrame.bytes(9, [8]))
            #expect(try await client.frame() == .pong([7]))
            if endpoint == .echo { try await endpoint.expectAnswer(to: text, client) }
            #expect(try await client.closed() == 1002)
        }
    }
}
