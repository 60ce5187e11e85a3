import Testing

@testable import WebServer

/// Text messages (RFC 6455 section 8.1), over raw sockets: invalid UTF-8 (RFC 3629) closes the connection with 1007.
@Suite("RFC 6455 text", .serialized)
struct TextConformanceTests {
    static let validTexts = [
        "", "hello", "κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "\u{0}", "\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}",
        "\u{E000}", "\u{FFFD}", "\u{FFFE}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}", "\u{FEFF}x", "e\u{301}", "👩‍👩‍👧‍👦",
    ]

    static let invalidTexts: [(name: String, bytes: [UInt8])] = [
        ("FF", [0xFF]), ("FE", [0xFE]), ("F5", [0xF5, 0x80, 0x80, 0x80]), ("a lone continuation", [0x80]),
        ("a continuation too many", [0xC3, 0xBC, 0xBF]), ("overlong /, 2 bytes", [0xC0, 0xAF]),
        ("overlong, largest of 2 bytes", [0xC1, 0xBF]), ("overlong /, 3 bytes", [0xE0, 0x80, 0xAF]),
        ("overlong, largest of 3 bytes", [0xE0, 0x9F, 0xBF]), ("overlong /, 4 bytes", [0xF0, 0x80, 0x80, 0xAF]),
        ("overlong, largest of 4 bytes", [0xF0, 0x8F, 0xBF, 0xBF]), ("5 bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]),
        ("6 bytes", [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]), ("surrogate D800", [0xED, 0xA0, 0x80]),
        ("surrogate DFFF", [0xED, 0xBF, 0xBF]), ("a pair of surrogates", [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80]),
        ("above 10FFFF", [0xF4, 0x90, 0x80, 0x80]), ("1 of 2 bytes, then more", [0xC3, 0x41]),
        ("2 of 3 bytes, then more", [0xE2, 0x82, 0x41]), ("3 of 4 bytes, then more", [0xF0, 0x9F, 0x98, 0x41]),
        ("a surrogate within text", Array("κόσμε".utf8) + [0xED, 0xA0, 0x80] + Array("edited".utf8)),
    ]

    static let unfinishedTexts: [(name: String, bytes: [UInt8])] = [
        ("1 of 2 bytes", [0xC3]), ("1 of 3 bytes", [0xE2]), ("2 of 3 bytes", [0xE2, 0x82]),
        ("3 of 4 bytes", [0xF0, 0x9F, 0x98]), ("text and 1 of 2 bytes", Array("κόσμε".utf8) + [0xCE]),
    ]

    /// The way in which a text is split.
    enum Cut: String, CaseIterable, Sendable {
        case whole, byteByByte, fragmentByByte

        func frames(_ payload: [UInt8]) -> [UInt8] {
            guard self == .fragmentByByte, payload.count > 1 else { return ClientFrame.bytes(1, payload) }
            return payload.enumerated().flatMap { offset, byte in
                ClientFrame.bytes(offset == 0 ? 1 : 0, [byte], isFinal: offset == payload.count - 1)
            }
        }
    }

    @Test("Text is echoed unchanged, however it is fragmented", arguments: Cut.allCases)
    func valid(_ cut: Cut) async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.echo.open(server)
            for text in Self.validTexts {
                let frames = cut.frames(Array(text.utf8))
                if cut == .byteByByte {
                    try await client.socket.sendBytewise(frames)
                } else {
                    try await client.send(frames)
                }
                #expect(try await client.frame() == .text(text))
            }
        }
    }

    @Test(
        "Invalid UTF-8 closes the connection with 1007, however it is fragmented", arguments: Endpoint.allCases,
        Cut.allCases)
    func invalid(_ endpoint: Endpoint, _ cut: Cut) async throws {
        let breaches = (Self.invalidTexts + Self.unfinishedTexts).map { name, bytes in
            Breach("8.1", name, cut.frames(bytes), code: 1007)
        }
        try await endpoint.expectClosed(breaches, isBytewise: cut == .byteByByte)
    }

    @Test("An invalid byte closes the connection before the rest of its frame arrives", arguments: Endpoint.allCases)
    func failsFast(_ endpoint: Endpoint) async throws {
        let header = ClientFrame.header(1, count: 1000, lengthByteCount: 2)
        try await endpoint.expectClosed(
            Self.invalidTexts.map { name, bytes in Breach("8.1", name, header, bytes, code: 1007) })
    }

    @Test("An invalid fragment closes the connection before later fragments arrive", arguments: Endpoint.allCases)
    func failsFastInFragments(_ endpoint: Endpoint) async throws {
        let begun = ClientFrame.text("κόσμε", isFinal: false)
        try await endpoint.expectClosed([
            Breach("8.1", "the first", ClientFrame.bytes(1, [0x41, 0xFF], isFinal: false), code: 1007),
            Breach("8.1", "the second", begun, ClientFrame.bytes(0, [0x41, 0xFF], isFinal: false), code: 1007),
        ])
    }

    @Test("A character split across fragments is valid", arguments: Endpoint.allCases)
    func halfACharacter(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            let bytes = Array(endpoint.text(id: "😀").utf8)
            let middle = try #require(bytes.firstIndex(of: 0xF0)) + 2
            try await client.send(ClientFrame.bytes(1, Array(bytes[..<middle]), isFinal: false))
            try await client.send(ClientFrame.bytes(9, [1]))
            #expect(try await client.frame() == .pong([1]), "the connection is still open")
            try await client.send(ClientFrame.bytes(0, Array(bytes[middle...])))
            try await endpoint.expectAnswer(to: endpoint.text(id: "😀"), id: "😀", client)
        }
    }

    @Test("Binary messages may hold any bytes (5.6)")
    func binary() async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.echo.open(server)
            for (_, bytes) in Self.invalidTexts {
                try await client.send(ClientFrame.bytes(2, bytes, isFinal: false), ClientFrame.bytes(0, bytes))
                #expect(try await client.frame() == .binary(bytes + bytes))
            }
        }
    }
}
