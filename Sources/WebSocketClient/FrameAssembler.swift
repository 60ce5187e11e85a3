import NIOCore
import NIOWebSocket

/// A state machine that assembles frames into messages and control events, and detects protocol violations.
///
/// Source: RFC 6455 sections 5.2 (frames), 5.4 (fragmentation), 5.5 (control frames), 7.4 (close codes), 8.1 (UTF-8).
struct FrameAssembler {
    enum Event: Equatable {
        case message(WebSocketMessage)
        case ping(ByteBuffer)
        case pong(ByteBuffer)
        case close(WebSocketClosure)
        /// A fragment of a message that is still incomplete.
        case nothing
    }

    private enum State {
        case idle
        /// Between the first and the last fragment of a message.
        case collecting(WebSocketOpcode, ByteBuffer)
    }

    let maxMessageBytes: Int
    private var state = State.idle

    init(maxMessageBytes: Int) {
        self.maxMessageBytes = maxMessageBytes
    }

    /// Takes the next frame and returns what it completes.
    ///
    /// - Throws: ``WebSocketClientError/protocolViolation(code:reason:)``.
    mutating func receive(_ frame: WebSocketFrame) throws(WebSocketClientError) -> Event {
        guard frame.reservedBits.isEmpty else { throw .protocolError("reserved bits are set without an extension") }
        guard frame.maskKey == nil else { throw .protocolError("the server masked a frame") }
        switch (frame.opcode, state) {
        case (.ping, _): return .ping(frame.data)
        case (.pong, _): return .pong(frame.data)
        case (.connectionClose, _): return .close(try Self.closure(frame.data))
        case (.text, .idle), (.binary, .idle):
            return try take(frame.data, of: frame.opcode, isLast: frame.fin)
        case (.continuation, .collecting(let opcode, var collected)):
            state = .idle
            guard collected.readableBytes + frame.length <= maxMessageBytes else { throw tooBig }
            collected.writeImmutableBuffer(frame.data)
            return try take(collected, of: opcode, isLast: frame.fin)
        case (.text, .collecting), (.binary, .collecting):
            throw .protocolError("a new message began before the previous one ended")
        case (.continuation, .idle):
            throw .protocolError("a continuation frame without a message to continue")
        default:
            throw .protocolError("unknown opcode")
        }
    }

    private mutating func take(
        _ data: ByteBuffer, of opcode: WebSocketOpcode, isLast: Bool
    ) throws(WebSocketClientError) -> Event {
        guard data.readableBytes <= maxMessageBytes else { throw tooBig }
        guard isLast else {
            state = .collecting(opcode, data)
            return .nothing
        }
        guard opcode == .text else { return .message(.binary(data)) }
        return .message(.text(try Self.text(data)))
    }

    private var tooBig: WebSocketClientError {
        .tooBig("the message is too large; allowed: at most \(maxMessageBytes) bytes")
    }

    private static func text(_ data: ByteBuffer) throws(WebSocketClientError) -> String {
        guard let text = String(validating: data.readableBytesView, as: UTF8.self) else {
            throw .badText("the text is not valid UTF-8")
        }
        return text
    }

    private static func closure(_ data: ByteBuffer) throws(WebSocketClientError) -> WebSocketClosure {
        var data = data
        guard data.readableBytes > 0 else { return WebSocketClosure(code: 1005, reason: "") }
        guard let code = data.readInteger(as: UInt16.self) else { throw .protocolError("incomplete close code") }
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: return WebSocketClosure(code: code, reason: try text(data))
        default: throw .protocolError("\(code) is not a valid close code")
        }
    }
}

/// Violations by the close codes of RFC 6455 section 7.4.1.
extension WebSocketClientError {
    static func protocolError(_ reason: String) -> Self { .protocolViolation(code: 1002, reason: reason) }
    static func badText(_ reason: String) -> Self { .protocolViolation(code: 1007, reason: reason) }
    static func tooBig(_ reason: String) -> Self { .protocolViolation(code: 1009, reason: reason) }
}
