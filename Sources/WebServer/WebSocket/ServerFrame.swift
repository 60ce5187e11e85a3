import NIOCore

/// Writes the frames that a server sends: unmasked and unfragmented (RFC 6455 section 5.2).
package enum ServerFrame {
    /// A frame's kind (RFC 6455 section 11.8).
    package enum Opcode: UInt8 {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        /// Whether frames of this kind speak of the connection, and are never fragmented (section 5.5).
        package var isControl: Bool { rawValue & 0x8 != 0 }
    }

    /// The most bytes that a control frame may carry (section 5.5).
    package static let maxControlPayloadByteCount = 125

    /// The bytes of a header for a payload of that size: 2, 4 or 10.
    static func headerByteCount(forPayload count: Int) -> Int {
        count < 126 ? 2 : count < 65_536 ? 4 : 10
    }

    /// Appends the header of a whole message in one frame.
    static func writeHeader(_ opcode: Opcode, payloadByteCount count: Int, to buffer: inout ByteBuffer) {
        buffer.writeInteger(0x80 | opcode.rawValue)
        if count < 126 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: count))
        } else if count < 65_536 {
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(truncatingIfNeeded: count))
        } else {
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(count))
        }
    }

    /// A whole frame with that payload.
    static func frame(_ opcode: Opcode, payload: ByteBuffer) -> ByteBuffer {
        let count = payload.readableBytes
        var buffer = ByteBufferAllocator().buffer(capacity: headerByteCount(forPayload: count) + count)
        writeHeader(opcode, payloadByteCount: count, to: &buffer)
        buffer.writeImmutableBuffer(payload)
        return buffer
    }

    /// A close frame; the reason is cut to what a control frame holds, at a character's edge.
    static func close(code: UInt16, reason: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(code)
        var text = Substring(reason)
        while text.utf8.count > maxControlPayloadByteCount - 2 { text.removeLast() }
        payload.writeSubstring(text)
        return frame(.close, payload: payload)
    }
}
