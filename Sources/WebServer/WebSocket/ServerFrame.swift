import Core
package import NIOCore
package import Realtime

/// A serializer of the frames that a server sends: unmasked and unfragmented (RFC 6455 section 5.2).
package enum ServerFrame {
    /// The type of a frame (RFC 6455 section 11.8).
    package enum Opcode: UInt8 {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        /// True for control frames, which are about the connection and never fragmented (section 5.5).
        package var isControl: Bool { rawValue & 0x8 != 0 }
    }

    /// The largest payload of a control frame in bytes (section 5.5).
    package static let maxControlPayloadByteCount = 125

    /// Returns the size of the header for a payload of `count` bytes: 2, 4 or 10.
    static func headerByteCount(forPayload count: Int) -> Int {
        count < 126 ? 2 : count < 65_536 ? 4 : 10
    }

    /// Appends the header of an unfragmented frame.
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

    /// Returns a complete frame with that payload.
    package static func frame(_ opcode: Opcode, payload: ByteBuffer) -> ByteBuffer {
        let count = payload.readableBytes
        var buffer = ByteBufferAllocator().buffer(capacity: headerByteCount(forPayload: count) + count)
        writeHeader(opcode, payloadByteCount: count, to: &buffer)
        buffer.writeImmutableBuffer(payload)
        return buffer
    }

    /// Returns a close frame. The reason is truncated at a character boundary to fit into a control frame.
    package static func close(code: UInt16, reason: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(code)
        var text = Substring(reason)
        while text.utf8.count > maxControlPayloadByteCount - 2 { text.removeLast() }
        payload.writeSubstring(text)
        return frame(.close, payload: payload)
    }
}

/// A serializer of a message's envelope as one complete text frame.
///
/// Header and JSON go into one buffer of exactly the right size, which is made once and shared by all recipients.
package struct EnvelopeEncoder: MessageEncoder {
    package init() {}

    package func encode(_ message: Message) -> ByteBuffer {
        let (head, tail) = Self.parts(of: message)
        let count =
            head.utf8CodeUnitCount + message.type.name.utf8CodeUnitCount + Self.middle.utf8CodeUnitCount
            + message.payload.count + tail.count
        var frame = ByteBufferAllocator().buffer(capacity: ServerFrame.headerByteCount(forPayload: count) + count)
        ServerFrame.writeHeader(.text, payloadByteCount: count, to: &frame)
        frame.writeStaticString(head)
        frame.writeStaticString(message.type.name)
        frame.writeStaticString(Self.middle)
        frame.writeBytes(message.payload)
        frame.writeBytes(tail)
        return frame
    }

    /// Returns the JSON of the envelope without a frame header, for answers over HTTP.
    static func json(_ message: Message) -> [UInt8] {
        let (head, tail) = parts(of: message)
        var bytes: [UInt8] = []
        JSONWriter.append(raw: head, to: &bytes)
        JSONWriter.append(raw: message.type.name, to: &bytes)
        JSONWriter.append(raw: middle, to: &bytes)
        return bytes + message.payload + tail
    }

    private static var middle: StaticString { "\",\"payload\":" }

    private static func parts(of message: Message) -> (head: StaticString, tail: [UInt8]) {
        var tail: [UInt8] = []
        tail.reserveCapacity(message.trace == nil ? 96 : 288)
        JSONWriter.append(raw: ",\"timestamp\":", to: &tail)
        JSONWriter.appendRFC3339(message.timestamp, to: &tail)
        if let offset = message.offset {
            JSONWriter.append(raw: ",\"offset\":", to: &tail)
            JSONWriter.append(offset, to: &tail)
        }
        if let id = message.replyTo {
            JSONWriter.append(raw: ",\"id\":", to: &tail)
            JSONWriter.append(id, to: &tail)
        }
        if let trace = message.trace { append(trace, to: &tail) }
        tail.append(UInt8(ascii: "}"))
        return ("{\"type\":\"", tail)
    }

    /// Appends the trace context, which recipients continue if the flags of `traceparent` ask for it.
    private static func append(_ trace: TraceContext, to tail: inout [UInt8]) {
        // Hexadecimal digits and dashes need no escaping.
        JSONWriter.append(raw: ",\"trace_id\":\"", to: &tail)
        trace.writeTraceID(to: &tail)
        JSONWriter.append(raw: "\",\"span_id\":\"", to: &tail)
        trace.writeSpanID(to: &tail)
        JSONWriter.append(raw: "\",\"traceparent\":\"", to: &tail)
        trace.write(to: &tail)
        tail.append(UInt8(ascii: "\""))
    }
}
