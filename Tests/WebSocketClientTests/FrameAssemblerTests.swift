import NIOCore
import NIOWebSocket
import Testing

@testable import WebSocketClient

@Suite("Detection of protocol violations")
struct FrameAssemblerTests {
    private static func frame(
        _ opcode: WebSocketOpcode, _ bytes: [UInt8], fin: Bool = true, masked: Bool = false, rsv1: Bool = false
    ) -> WebSocketFrame {
        WebSocketFrame(
            fin: fin, rsv1: rsv1, opcode: opcode, maskKey: masked ? .random() : nil, data: ByteBuffer(bytes: bytes))
    }

    private func feed(_ frames: [WebSocketFrame]) throws(WebSocketClientError) -> [FrameAssembler.Event] {
        var assembler = FrameAssembler(maxMessageBytes: 10)
        var events: [FrameAssembler.Event] = []
        for frame in frames { events.append(try assembler.receive(frame)) }
        return events
    }

    static let violations: [(code: UInt16, frames: [WebSocketFrame])] = [
        (1002, [frame(.text, [65], rsv1: true)]),
        (1002, [frame(.text, [65], masked: true)]),
        (1002, [frame(.continuation, [65])]),
        (1002, [frame(.text, [65], fin: false), frame(.text, [65])]),
        (1002, [frame(.connectionClose, [3])]),
        (1002, [frame(.connectionClose, [0x03, 0xED])]),  // 1005
        (1002, [frame(.connectionClose, [0x00, 0x01])]),
        (1007, [frame(.connectionClose, [0x03, 0xE8, 0xFF])]),
        (1007, [frame(.text, [0xC3])]),
        (1007, [frame(.text, [0xC3], fin: false), frame(.continuation, [0x28])]),
        (1009, [frame(.text, Array(repeating: 65, count: 11))]),
        (1009, [frame(.text, Array(repeating: 65, count: 6), fin: false), frame(.continuation, [1, 2, 3, 4, 5])]),
    ]

    @Test("A violation throws its close code", arguments: violations.indices)
    func violation(index: Int) throws {
        let (code, frames) = Self.violations[index]
        let error = #expect(throws: WebSocketClientError.self) { try feed(frames) }
        guard case .protocolViolation(code: code, reason: _) = error else { throw try #require(error) }
    }

    @Test("A message of exactly the limit is accepted, in one or many fragments")
    func limit() throws {
        let ten = Array(repeating: UInt8(65), count: 10)
        #expect(try feed([Self.frame(.text, ten)]) == [.message(.text("AAAAAAAAAA"))])
        let parts =
            [Self.frame(.text, [65], fin: false)]
            + (0..<8).map { _ in Self.frame(.continuation, [65], fin: false) } + [Self.frame(.continuation, [65])]
        #expect(try feed(parts).last == .message(.text("AAAAAAAAAA")))
    }

    @Test("A close frame without a code gives 1005")
    func emptyClose() throws {
        #expect(try feed([Self.frame(.connectionClose, [])]) == [.close(WebSocketClosure(code: 1005, reason: ""))])
    }

    @Test("A violation closes the connection with its code and ends the messages with an error")
    func overTheWire() async throws {
        let server = try await ScriptedWebSocketServer(onOpen: { channel in
            ScriptedWebSocketServer.send(.binary, ByteBuffer(repeating: 0, count: 2000), on: channel)
        })
        let client = try await WebSocketClient.connect(
            url: server.url, configuration: WebSocketClientConfiguration(maxFrameBytes: 1000))
        let error = await #expect(throws: WebSocketClientError.self) { try await client.next() }
        #expect(error == .protocolViolation(code: 1009, reason: "the frame is too long"))
    }
}

@Suite("WebSocket URLs")
struct WebSocketURLTests {
    @Test(
        "Host, port and target are parsed",
        arguments: [
            ("ws://127.0.0.1:8080/ws?token=a%20b&x=1", "127.0.0.1", 8080, "/ws?token=a%20b&x=1"),
            ("WS://example.org", "example.org", 80, "/"), ("ws://h?q", "h", 80, "/?q"),
            ("ws://[::1]:9/a", "::1", 9, "/a"), ("ws://[::1]", "::1", 80, "/"),
        ])
    func valid(text: String, host: String, port: Int, target: String) throws {
        let url = try WebSocketURL(text)
        #expect(url.host == host && url.port == port && url.target == target)
    }

    @Test(
        "An invalid URL is rejected with the reason",
        arguments: [
            ("http://h", "unknown scheme http"), ("h:80", "no scheme"),
            ("", "no scheme"), ("ws://", "host or port"), ("ws://h:0", "host or port"),
            ("ws://h:99999", "host or port"),
            ("ws://h:x", "host or port"), ("ws://[::1", "host or port"), ("ws://u:p@h", "user name"),
            ("ws://h/#a", "fragment"), ("ws://h/a b", "space"), ("ws://h/\r\nX: y", "control"), ("ws://h/ä", "ASCII"),
        ])
    func invalid(text: String, reason: String) throws {
        let error = #expect(throws: WebSocketClientError.self) { try WebSocketURL(text) }
        #expect("\(try #require(error))".contains(reason))
    }
}
