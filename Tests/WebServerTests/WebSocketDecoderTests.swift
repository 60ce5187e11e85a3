import NIOCore
import Realtime
import Testing

@testable import WebServer

/// RFC 6455's requirements for reading on the server side.
@Suite("WebSocket decoder")
struct WebSocketDecoderTests {
    private static let limit = 1000

    /// Returns all events in `bytes`, fed in pieces of `step` bytes.
    private static func decode(_ bytes: [UInt8], step: Int = .max) throws -> [WebSocketDecoder.Event] {
        var decoder = WebSocketDecoder(maxMessageBytes: limit)
        var buffer = ByteBuffer()
        var events: [WebSocketDecoder.Event] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            buffer.writeBytes(rest.prefix(step))
            rest = rest.dropFirst(step)
            while let event = try decoder.next(from: &buffer) { events.append(event) }
        }
        return events
    }

    private static func violation(_ bytes: [UInt8]) -> CloseCode? {
        do {
            _ = try decode(bytes)
            return nil
        } catch {
            return (error as? WebSocketViolation)?.code
        }
    }

    @Test(
        "Messages, fragments and control frames are decoded, however the bytes are split",
        arguments: [1, 2, 3, 7, .max])
    func pieces(step: Int) throws {
        let long = String(repeating: "ü", count: 200)
        let bytes =
            ClientFrame.text("hello") + ClientFrame.text("one ", isFinal: false) + ClientFrame.bytes(9, [1, 2, 3])
            + ClientFrame.rest("two ", isFinal: false) + ClientFrame.rest("three") + ClientFrame.text(long)
            + ClientFrame.bytes(2, [0, 255]) + ClientFrame.bytes(10, []) + ClientFrame.text("")
            + ClientFrame.close(1000, "bye")
        let expected: [WebSocketDecoder.Event] = [
            .text("hello"), .ping(ByteBuffer(bytes: [1, 2, 3])), .text("one two three"), .text(long),
            .binary(ByteBuffer(bytes: [0, 255])), .pong(ByteBuffer()), .text(""), .close(code: 1000),
        ]
        #expect(try Self.decode(bytes, step: step) == expected)
    }

    @Test("Frames with little payload are limited; those of 64 bytes are not")
    func smallFrames() throws {
        let empty = ClientFrame.bytes(0, [], isFinal: false)
        func message(emptyFrames count: Int) -> [UInt8] {
            ClientFrame.text("a", isFinal: false) + [UInt8](repeatElement(empty, count: count).joined())
        }
        #expect(try Self.decode(message(emptyFrames: 126) + ClientFrame.rest("b")) == [.text("ab")])
        #expect(Self.violation(message(emptyFrames: 128)) == .policyViolation)
        var decoder = WebSocketDecoder(maxMessageBytes: 1 << 20)
        let piece = String(repeating: "x", count: 64)
        var bytes = ByteBuffer(bytes: ClientFrame.text(piece, isFinal: false))
        for _ in 0..<10_000 { bytes.writeBytes(ClientFrame.rest(piece, isFinal: false)) }
        bytes.writeBytes(ClientFrame.rest(""))
        #expect(try decoder.next(from: &bytes) == .text(String(repeating: piece, count: 10_001)))
    }

    @Test("A character may be split across fragments")
    func splitCharacter() throws {
        let bytes = ClientFrame.bytes(1, [0xC3], isFinal: false) + ClientFrame.bytes(0, [0xBC])
        #expect(try Self.decode(bytes) == [.text("ü")])
    }

    @Test("Payloads of lengths around multiples of eight bytes are unmasked")
    func unmasking() throws {
        for count in 0...40 {
            let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            #expect(try Self.decode(ClientFrame.bytes(2, payload)) == [.binary(ByteBuffer(bytes: payload))])
        }
    }

    static let violations: [(String, [UInt8], CloseCode)] = [
        ("reserved bit 1", ClientFrame.bytes(1, [], reserved: 0x40), .protocolError),
        ("reserved bit 3", ClientFrame.bytes(1, [], reserved: 0x10), .protocolError),
        ("reserved data opcode", ClientFrame.bytes(3, []), .protocolError),
        ("reserved control opcode", ClientFrame.bytes(11, []), .protocolError),
        ("not masked", ClientFrame.bytes(1, [65], isMasked: false), .protocolError),
        ("fragmented ping", ClientFrame.bytes(9, [], isFinal: false), .protocolError),
        ("long ping", ClientFrame.bytes(9, [UInt8](repeating: 0, count: 126)), .protocolError),
        ("continuation of nothing", ClientFrame.rest("x"), .protocolError),
        ("message within a message", ClientFrame.text("a", isFinal: false) + ClientFrame.text("b"), .protocolError),
        ("text that is not UTF-8", ClientFrame.bytes(1, [0xFF]), .invalidPayload),
        ("half a character", ClientFrame.bytes(1, [0xC3]), .invalidPayload),
        ("surrogate in UTF-8", ClientFrame.bytes(1, [0xED, 0xA0, 0x80]), .invalidPayload),
        ("half a close code", ClientFrame.bytes(8, [3]), .protocolError),
        ("close 1005", ClientFrame.close(1005), .protocolError),
        ("close 1006", ClientFrame.close(1006), .protocolError),
        ("close 999", ClientFrame.close(999), .protocolError),
        ("close 2999", ClientFrame.close(2999), .protocolError),
        ("close 5000", ClientFrame.close(5000), .protocolError),
        ("close reason that is not UTF-8", ClientFrame.bytes(8, [3, 232, 0xFF]), .invalidPayload),
        ("too big", ClientFrame.bytes(1, [UInt8](repeating: 65, count: 1001)), .messageTooBig),
        (
            "too big in fragments",
            ClientFrame.bytes(1, [UInt8](repeating: 65, count: 600), isFinal: false)
                + ClientFrame.bytes(0, [UInt8](repeating: 65, count: 600)), .messageTooBig
        ),
    ]

    @Test("Each violation ends the connection with its code", arguments: violations)
    func violation(_ name: String, _ bytes: [UInt8], _ code: CloseCode) {
        #expect(Self.violation(bytes) == code)
    }

    @Test("A huge length is rejected by the header alone")
    func hugeLength() {
        #expect(Self.violation([0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0]) == .protocolError)
        #expect(Self.violation([0x81, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255]) == .messageTooBig)
    }

    @Test("A message of the maximum size is accepted", arguments: [125, 126, 1000])
    func largest(_ count: Int) throws {
        let text = String(repeating: "a", count: count)
        #expect(try Self.decode(ClientFrame.text(text)) == [.text(text)])
    }

    @Test(
        "Close codes for applications are accepted", arguments: [1000, 1001, 1007, 1014, 3000, 4999] as [UInt16])
    func closeCodes(_ code: UInt16) throws {
        #expect(try Self.decode(ClientFrame.close(code)) == [.close(code: code)])
    }
}
