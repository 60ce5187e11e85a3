package import NIOCore
package import Realtime
import Telemetry

/// Writes the envelope of a message into one whole text frame.
///
/// Header and JSON go into one buffer of the right size, because it is made once and shared by all recipients.
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

    /// The envelope alone, as HTTP lists it.
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

    /// The span that recipients continue, if they are asked to by the flags of `traceparent`.
    private static func append(_ trace: TraceContext, to tail: inout [UInt8]) {
        // Hexadecimal digits and dashes: nothing to escape.
        JSONWriter.append(raw: ",\"trace_id\":\"", to: &tail)
        trace.writeTraceID(to: &tail)
        JSONWriter.append(raw: "\",\"span_id\":\"", to: &tail)
        trace.writeSpanID(to: &tail)
        JSONWriter.append(raw: "\",\"traceparent\":\"", to: &tail)
        trace.write(to: &tail)
        tail.append(UInt8(ascii: "\""))
    }
}
