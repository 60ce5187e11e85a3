package import NIOCore
import Realtime

/// Reads what a client sends: frames, checked, unmasked and joined to messages (RFC 6455 sections 5 and 6).
///
/// A pure state machine without I/O: bytes in, events out. It checks all that a server must: masking, reserved bits
/// and opcodes, the rules of control frames and fragments, UTF-8, close codes, and sizes before the bytes arrive.
package struct WebSocketDecoder {
    /// What the peer said.
    package enum Event: Equatable {
        case text(String)
        case binary(ByteBuffer)
        case ping(ByteBuffer)
        case pong(ByteBuffer)
        /// `nil` when the close frame carries no code.
        case close(code: UInt16?)
    }

    private struct Header {
        var isFinal: Bool
        var opcode: ServerFrame.Opcode
        var payloadByteCount: Int
        var mask: UInt32
    }

    private let maxMessageBytes: Int
    private var header: Header?
    private var fragments: ByteBuffer?
    private var fragmentsAreText = false

    /// A decoder that takes messages of at most that many bytes.
    package init(maxMessageBytes: Int) {
        self.maxMessageBytes = maxMessageBytes
    }

    /// The next event in `buffer`, or `nil` when more bytes are needed; call it until then.
    package mutating func next(from buffer: inout ByteBuffer) throws(WebSocketViolation) -> Event? {
        while true {
            if header == nil { header = try readHeader(from: &buffer) }
            guard let header, var payload = buffer.readSlice(length: header.payloadByteCount) else { return nil }
            self.header = nil
            Self.unmask(&payload, with: header.mask)
            if let event = try event(for: header, payload) { return event }
        }
    }

    // MARK: Frames

    private func readHeader(from buffer: inout ByteBuffer) throws(WebSocketViolation) -> Header? {
        let start = buffer.readerIndex
        guard let (first, second) = buffer.getMultipleIntegers(at: start, as: (UInt8, UInt8).self) else { return nil }
        guard first & 0x70 == 0 else { throw .protocolError("a reserved bit is set") }
        guard let opcode = ServerFrame.Opcode(rawValue: first & 0x0F) else {
            throw .protocolError("opcode \(first & 0x0F) is reserved")
        }
        guard second & 0x80 != 0 else { throw .protocolError("a frame is not masked") }
        var count = UInt64(second & 0x7F)
        var headerByteCount = 2
        if count == 126 {
            guard let length = buffer.getInteger(at: start + 2, as: UInt16.self) else { return nil }
            count = UInt64(length)
            headerByteCount = 4
        } else if count == 127 {
            guard let length = buffer.getInteger(at: start + 2, as: UInt64.self) else { return nil }
            count = length
            headerByteCount = 10
        }
        let isFinal = first & 0x80 != 0
        try check(opcode, isFinal: isFinal, payloadByteCount: count)
        guard let mask = buffer.getInteger(at: start + headerByteCount, as: UInt32.self) else { return nil }
        buffer.moveReaderIndex(forwardBy: headerByteCount + 4)
        return Header(isFinal: isFinal, opcode: opcode, payloadByteCount: Int(count), mask: mask)
    }

    private func check(
        _ opcode: ServerFrame.Opcode, isFinal: Bool, payloadByteCount count: UInt64
    ) throws(WebSocketViolation) {
        switch opcode {
        case .close, .ping, .pong:
            guard isFinal else { throw .protocolError("a control frame is fragmented") }
            guard count <= ServerFrame.maxControlPayloadByteCount else {
                throw .protocolError("a control frame has more than 125 bytes")
            }
        case .continuation:
            guard fragments != nil else { throw .protocolError("a continuation continues nothing") }
            try checkSize(count)
        case .text, .binary:
            guard fragments == nil else { throw .protocolError("a message begins inside another") }
            try checkSize(count)
        }
    }

    private func checkSize(_ count: UInt64) throws(WebSocketViolation) {
        let waiting = UInt64(fragments?.readableBytes ?? 0)
        guard count <= UInt64(maxMessageBytes), waiting + count <= UInt64(maxMessageBytes) else {
            throw .tooBig(limit: maxMessageBytes)
        }
    }

    // MARK: Messages

    private mutating func event(for header: Header, _ payload: ByteBuffer) throws(WebSocketViolation) -> Event? {
        switch header.opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        case .close: return try close(payload)
        case .text, .binary:
            fragmentsAreText = header.opcode == .text
            if header.isFinal { return try message(payload) }
            fragments = payload
        case .continuation:
            fragments?.writeImmutableBuffer(payload)
            guard header.isFinal, let whole = fragments else { return nil }
            fragments = nil
            return try message(whole)
        }
        return nil
    }

    private func message(_ payload: ByteBuffer) throws(WebSocketViolation) -> Event {
        guard fragmentsAreText else { return .binary(payload) }
        guard let text = String(validating: payload.readableBytesView, as: UTF8.self) else { throw .invalidText() }
        return .text(text)
    }

    private func close(_ payload: ByteBuffer) throws(WebSocketViolation) -> Event {
        var payload = payload
        guard payload.readableBytes > 0 else { return .close(code: nil) }
        guard let code = payload.readInteger(as: UInt16.self) else {
            throw .protocolError("a close frame has half a code")
        }
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw .protocolError("close code \(code) is not allowed on the wire")
        }
        guard String(validating: payload.readableBytesView, as: UTF8.self) != nil else {
            throw WebSocketViolation(code: .invalidPayload, reason: "a close reason is not UTF-8")
        }
        return .close(code: code)
    }

    /// Section 5.3, eight bytes at a time.
    private static func unmask(_ payload: inout ByteBuffer, with mask: UInt32) {
        guard mask != 0 else { return }
        payload.withUnsafeMutableReadableBytes { bytes in
            let wide = UInt64(mask.bigEndian) | UInt64(mask.bigEndian) << 32
            var offset = 0
            while offset + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
                offset += 8
            }
            while offset < bytes.count {
                bytes[offset] ^= UInt8(truncatingIfNeeded: wide >> (8 * UInt64(offset % 8)))
                offset += 1
            }
        }
    }
}
