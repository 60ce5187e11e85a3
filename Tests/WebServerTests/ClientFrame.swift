import NIOCore

/// Client frames, valid and invalid (RFC 6455 section 5.2).
enum ClientFrame {
    static let mask: [UInt8] = [0x12, 0x34, 0x56, 0x78]

    static func bytes(
        _ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, reserved: UInt8 = 0, isMasked: Bool = true
    ) -> [UInt8] {
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | reserved | opcode]
        let maskBit: UInt8 = isMasked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(maskBit | UInt8(payload.count))
        case ..<65_536: bytes += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [maskBit | 127] + (0..<8).reversed().map { UInt8((payload.count >> ($0 * 8)) & 0xFF) }
        }
        if isMasked {
            bytes += mask
            bytes += payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
        } else {
            bytes += payload
        }
        return bytes
    }

    /// A header without payload. Its length uses the given form: 0, 2 or 8 bytes after the seven bits, minimal or not.
    ///
    /// The mask is all zeros, so the payload that follows needs no masking.
    static func header(_ opcode: UInt8, isFinal: Bool = true, count: UInt64, lengthByteCount: Int) -> [UInt8] {
        let short: UInt8 = lengthByteCount == 0 ? UInt8(count) : lengthByteCount == 2 ? 126 : 127
        let length = (0..<lengthByteCount).reversed().map { UInt8(truncatingIfNeeded: count >> (8 * UInt64($0))) }
        return [(isFinal ? 0x80 : 0) | opcode, 0x80 | short] + length + [0, 0, 0, 0]
    }

    static func text(_ text: String, isFinal: Bool = true) -> [UInt8] { bytes(1, Array(text.utf8), isFinal: isFinal) }
    static func rest(_ text: String, isFinal: Bool = true) -> [UInt8] { bytes(0, Array(text.utf8), isFinal: isFinal) }

    static func close(_ code: UInt16, _ reason: String = "") -> [UInt8] {
        bytes(8, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
    }
}
