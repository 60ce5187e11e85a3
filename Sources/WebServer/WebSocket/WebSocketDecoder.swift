package import NIOCore
import Realtime

/// Reads what a client sends: frames, checked, unmasked and joined to messages (RFC 6455 sections 5 and 6).
///
/// A pure state machine without I/O: bytes in, events out. It checks all that a server must: masking, reserved bits
/// and opcodes, the rules of control frames and fragments, minimal lengths, UTF-8, close codes, and sizes before the
/// bytes arrive. Frames that bring next to nothing are limited, because nobody is charged for them before their message
/// is whole. A long frame is taken in the pieces in which it comes, so that text which is not UTF-8 is refused by
/// its first bad byte.
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
        /// Bytes of the payload that are still to be taken.
        var remainingByteCount: Int
        /// Turned so that it begins at the next of them.
        var mask: UInt32
        /// Whether a piece of the payload was taken.
        var isBegun = false
    }

    /// A message of which there is more to come.
    private struct Unfinished {
        var isText: Bool
        var bytes = ByteBuffer()
        var frameCount = 0
        var validator = UTF8Validator()
    }

    /// Frames of a message beside one for each ``minFrameBytes`` of it.
    private static let maxSmallFrames = 128
    private static let minFrameBytes = 64

    private let maxMessageBytes: Int
    private var header: Header?
    private var unfinished: Unfinished?

    /// A decoder that takes messages of at most that many bytes.
    package init(maxMessageBytes: Int) {
        self.maxMessageBytes = maxMessageBytes
    }

    /// The next event in `buffer`, or `nil` when more bytes are needed; call it until then.
    package mutating func next(from buffer: inout ByteBuffer) throws(WebSocketViolation) -> Event? {
        while true {
            if header == nil { header = try readHeader(from: &buffer) }
            guard let header else { return nil }
            let isWhole = header.isFinal && unfinished == nil && buffer.readableBytes >= header.remainingByteCount
            if header.opcode.isControl || isWhole {
                guard var payload = buffer.readSlice(length: header.remainingByteCount) else { return nil }
                self.header = nil
                payload.withUnsafeMutableReadableBytes { Self.unmask($0, with: header.mask) }
                return try event(header.opcode, payload)
            }
            try takePiece(of: header, from: &buffer)
            guard self.header == nil else { return nil }
            if header.isFinal, let message = unfinished {
                unfinished = nil
                return try event(message)
            }
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
        let isFinal = first & 0x80 != 0
        var count = UInt64(second & 0x7F)
        try check(opcode, isFinal: isFinal, shortLength: count)
        var headerByteCount = 2
        if count == 126 {
            guard let length = buffer.getInteger(at: start + 2, as: UInt16.self) else { return nil }
            guard length >= 126 else { throw .protocolError("a length is not written in its shortest form") }
            count = UInt64(length)
            headerByteCount = 4
        } else if count == 127 {
            guard let length = buffer.getInteger(at: start + 2, as: UInt64.self) else { return nil }
            guard length >> 63 == 0 else { throw .protocolError("a length has its most significant bit set") }
            guard length >= 65_536 else { throw .protocolError("a length is not written in its shortest form") }
            count = length
            headerByteCount = 10
        }
        try checkSize(count)
        try checkFrames(opcode)
        guard let mask = buffer.getInteger(at: start + headerByteCount, as: UInt32.self) else { return nil }
        buffer.moveReaderIndex(forwardBy: headerByteCount + 4)
        return Header(isFinal: isFinal, opcode: opcode, remainingByteCount: Int(count), mask: mask)
    }

    /// What the first two bytes alone show to be wrong; `shortLength` is their seven bits of length.
    private func check(
        _ opcode: ServerFrame.Opcode, isFinal: Bool, shortLength: UInt64
    ) throws(WebSocketViolation) {
        switch opcode {
        case .close, .ping, .pong:
            guard isFinal else { throw .protocolError("a control frame is fragmented") }
            guard shortLength <= ServerFrame.maxControlPayloadByteCount else {
                throw .protocolError("a control frame has more than 125 bytes")
            }
        case .continuation:
            guard unfinished != nil else { throw .protocolError("a continuation continues nothing") }
        case .text, .binary:
            guard unfinished == nil else { throw .protocolError("a message begins inside another") }
        }
    }

    private func checkSize(_ count: UInt64) throws(WebSocketViolation) {
        let waiting = UInt64(unfinished?.bytes.readableBytes ?? 0)
        guard count <= UInt64(maxMessageBytes), waiting + count <= UInt64(maxMessageBytes) else {
            throw .tooBig(limit: maxMessageBytes)
        }
    }

    private func checkFrames(_ opcode: ServerFrame.Opcode) throws(WebSocketViolation) {
        guard !opcode.isControl, let unfinished else { return }
        let limit = Self.maxSmallFrames + unfinished.bytes.readableBytes / Self.minFrameBytes
        guard unfinished.frameCount < limit else { throw .tooManyFrames(of: Self.minFrameBytes) }
    }

    /// Moves what has come of a data frame's payload to its message; the header stays while there is more to come.
    private mutating func takePiece(
        of header: Header, from buffer: inout ByteBuffer
    ) throws(WebSocketViolation) {
        var header = header
        var message = unfinished ?? Unfinished(isText: header.opcode == .text)
        unfinished = nil  // so that the bytes have one owner, and are changed where they are
        if !header.isBegun { message.frameCount += 1 }
        header.isBegun = true
        let count = min(buffer.readableBytes, header.remainingByteCount)
        let start = message.bytes.readableBytes
        if let piece = buffer.readSlice(length: count) { message.bytes.writeImmutableBuffer(piece) }
        var isValid = true
        message.bytes.withUnsafeMutableReadableBytes { bytes in
            let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
            Self.unmask(piece, with: header.mask)
            if message.isText { isValid = message.validator.take(UnsafeRawBufferPointer(piece)) }
        }
        guard isValid else { throw .invalidText() }
        let turn = UInt32(count % 4) * 8
        header.mask = header.mask << turn | header.mask >> (32 - turn)
        header.remainingByteCount -= count
        unfinished = message
        self.header = header.remainingByteCount > 0 ? header : nil
    }

    // MARK: Messages

    /// What a frame says that is whole in itself.
    private func event(_ opcode: ServerFrame.Opcode, _ payload: ByteBuffer) throws(WebSocketViolation) -> Event {
        switch opcode {
        case .ping: .ping(payload)
        case .pong: .pong(payload)
        case .close: try close(payload)
        case .text: try text(payload)
        case .binary, .continuation: .binary(payload)
        }
    }

    /// What a message says that came in pieces.
    private func event(_ message: Unfinished) throws(WebSocketViolation) -> Event {
        guard message.isText else { return .binary(message.bytes) }
        guard message.validator.isComplete else { throw .invalidText() }
        return try text(message.bytes)
    }

    private func text(_ payload: ByteBuffer) throws(WebSocketViolation) -> Event {
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
    private static func unmask(_ bytes: UnsafeMutableRawBufferPointer, with mask: UInt32) {
        guard mask != 0 else { return }
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
