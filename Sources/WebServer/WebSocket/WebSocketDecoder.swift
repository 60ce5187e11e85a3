package import NIOCore
package import Realtime

/// A decoder of client frames that validates them, unmasks them and joins them to messages (RFC 6455 sections 5 to 6).
///
/// A pure state machine without I/O: bytes in, events out. It checks everything that a server must: masking, reserved
/// bits and opcodes, the rules of control frames and fragments, minimal lengths, UTF-8, close codes, and sizes before
/// the bytes arrive. The number of small frames of a message is limited, because the rate limits count only complete
/// messages. A long frame is processed piece by piece, so that invalid UTF-8 is refused at its first bad byte.
package struct WebSocketDecoder {
    /// A decoded message or control frame from the peer.
    package enum Event: Equatable {
        case text(String)
        case binary(ByteBuffer)
        case ping(ByteBuffer)
        case pong(ByteBuffer)
        /// The code is `nil` when the close frame has none.
        case close(code: UInt16?)
    }

    private struct Header {
        var isFinal: Bool
        var opcode: ServerFrame.Opcode
        /// Bytes of the payload that have not been processed.
        var remainingByteCount: Int
        /// The masking key, rotated so that it begins at the next of those bytes.
        var mask: UInt32
        /// True when a piece of the payload has been processed.
        var isBegun = false
    }

    /// A message that is still incomplete.
    private struct Unfinished {
        var isText: Bool
        var bytes = ByteBuffer()
        var frameCount = 0
        var validator = UTF8Validator()
    }

    /// The number of frames that a message may have in addition to one for each ``minFrameBytes`` bytes.
    private static let maxSmallFrames = 128
    private static let minFrameBytes = 64

    private let maxMessageBytes: Int
    private var header: Header?
    private var unfinished: Unfinished?

    /// Creates a decoder for messages of at most `maxMessageBytes` bytes.
    package init(maxMessageBytes: Int) {
        self.maxMessageBytes = maxMessageBytes
    }

    /// Returns the next event in `buffer`, or `nil` when more bytes are needed. Call it repeatedly until it returns
    /// `nil`.
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
            guard length >= 126 else { throw .protocolError("a length is not encoded in its shortest form") }
            count = UInt64(length)
            headerByteCount = 4
        } else if count == 127 {
            guard let length = buffer.getInteger(at: start + 2, as: UInt64.self) else { return nil }
            guard length >> 63 == 0 else { throw .protocolError("a length has its most significant bit set") }
            guard length >= 65_536 else { throw .protocolError("a length is not encoded in its shortest form") }
            count = length
            headerByteCount = 10
        }
        try checkSize(count)
        try checkFrames(opcode)
        guard let mask = buffer.getInteger(at: start + headerByteCount, as: UInt32.self) else { return nil }
        buffer.moveReaderIndex(forwardBy: headerByteCount + 4)
        return Header(isFinal: isFinal, opcode: opcode, remainingByteCount: Int(count), mask: mask)
    }

    /// Checks the rules that the first two bytes can break; `shortLength` is their 7-bit length.
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
            guard unfinished != nil else { throw .protocolError("a continuation frame without a message to continue") }
        case .text, .binary:
            guard unfinished == nil else { throw .protocolError("a message begins before the previous one has ended") }
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

    /// Moves the available payload of a data frame to its message. `header` stays set until the frame is complete.
    private mutating func takePiece(
        of header: Header, from buffer: inout ByteBuffer
    ) throws(WebSocketViolation) {
        var header = header
        var message = unfinished ?? Unfinished(isText: header.opcode == .text)
        unfinished = nil  // leaves the bytes with one owner, so that they are changed in place
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

    /// Returns the event of a frame that is complete in itself.
    private func event(_ opcode: ServerFrame.Opcode, _ payload: ByteBuffer) throws(WebSocketViolation) -> Event {
        switch opcode {
        case .ping: .ping(payload)
        case .pong: .pong(payload)
        case .close: try close(payload)
        case .text: try text(payload)
        case .binary, .continuation: .binary(payload)
        }
    }

    /// Returns the event of a message that came in pieces.
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
            throw .protocolError("a close frame has an incomplete close code")
        }
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw .protocolError("close code \(code) must not be sent")
        }
        guard String(validating: payload.readableBytesView, as: UTF8.self) != nil else {
            throw WebSocketViolation(code: .invalidPayload, reason: "a close reason is not valid UTF-8")
        }
        return .close(code: code)
    }

    /// Applies the masking key (section 5.3), eight bytes at a time.
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

/// A protocol violation that ends the connection (RFC 6455 section 7.1.7).
package struct WebSocketViolation: Error, Equatable {
    /// The close code: 1002, 1007, 1008 or 1009.
    package let code: CloseCode
    /// The explanation for the close frame and the log.
    package let reason: String

    static func protocolError(_ reason: String) -> WebSocketViolation {
        WebSocketViolation(code: .protocolError, reason: reason)
    }

    static func invalidText() -> WebSocketViolation {
        WebSocketViolation(code: .invalidPayload, reason: "a text message is not valid UTF-8")
    }

    static func tooManyFrames(of byteCount: Int) -> WebSocketViolation {
        WebSocketViolation(
            code: .policyViolation, reason: "a message has too many frames of less than \(byteCount) bytes")
    }

    static func tooBig(limit: Int) -> WebSocketViolation {
        WebSocketViolation(code: .messageTooBig, reason: "a message is too large; allowed: at most \(limit) bytes")
    }
}
