import NIOCore

/// A frame sent by a server, parsed by hand (RFC 6455 section 5.2).
struct ReceivedFrame: Equatable {
    var isFinal = true
    var reserved: UInt8 = 0
    var opcode: UInt8
    var payload: ByteBuffer
    /// Whether the length uses its shortest encoding.
    var isMinimal = true

    static func text(_ text: String) -> ReceivedFrame { ReceivedFrame(opcode: 1, payload: ByteBuffer(string: text)) }
    static func binary(_ bytes: [UInt8]) -> ReceivedFrame {
        ReceivedFrame(opcode: 2, payload: ByteBuffer(bytes: bytes))
    }
    static func pong(_ bytes: [UInt8]) -> ReceivedFrame { ReceivedFrame(opcode: 10, payload: ByteBuffer(bytes: bytes)) }

    var isClose: Bool { opcode == 8 }
    var text: String { String(buffer: payload) }
    /// The code of a close frame, or nil when it has none.
    var closeCode: UInt16? {
        isClose ? payload.getInteger(at: payload.readerIndex) : nil
    }

    /// Removes a whole frame from the front of the buffer. Returns nil when more bytes are needed.
    ///
    /// - Throws: ``RawSocket/Failure`` when the server masked the frame (section 5.1).
    static func take(from bytes: inout ByteBuffer) throws -> ReceivedFrame? {
        var rest = bytes
        guard let (first, second) = rest.readMultipleIntegers(as: (UInt8, UInt8).self) else { return nil }
        guard second & 0x80 == 0 else { throw RawSocket.Failure("the server masked a frame") }
        var count = Int(second)
        var isMinimal = true
        if second == 126 {
            guard let length = rest.readInteger(as: UInt16.self) else { return nil }
            count = Int(length)
            isMinimal = length > 125
        } else if second == 127 {
            guard let length = rest.readInteger(as: UInt64.self) else { return nil }
            count = Int(length)
            isMinimal = length > 65_535
        }
        guard let payload = rest.readSlice(length: count) else { return nil }
        bytes = rest
        return ReceivedFrame(
            isFinal: first & 0x80 != 0, reserved: first & 0x70, opcode: first & 0x0F, payload: payload,
            isMinimal: isMinimal)
    }
}
