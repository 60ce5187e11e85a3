/// An incremental validator of UTF-8 (RFC 3629 section 4).
///
/// A text message may be split anywhere, even within a character. The validator fails at the first byte that cannot
/// occur in valid text, so that an invalid message is refused before the rest of it arrives (RFC 6455 section 8.1).
struct UTF8Validator {
    private static let continuation: ClosedRange<UInt8> = 0x80...0xBF

    /// The number of bytes that are still missing from the current character.
    private var missingByteCount = 0
    /// The allowed values of the next continuation byte. Narrower than usual after a first byte that could otherwise
    /// begin an overlong form, a surrogate, or a value above U+10FFFF.
    private var allowed = Self.continuation

    /// True when the text may end here.
    var isComplete: Bool { missingByteCount == 0 }

    /// Validates the next bytes of the text; returns false as soon as it cannot be valid.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset < bytes.count {
            if isComplete, offset + 8 <= bytes.count,
                bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                offset += 8
                continue
            }
            guard take(bytes[offset]) else { return false }
            offset += 1
        }
        return true
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard isComplete else {
            guard allowed.contains(byte) else { return false }
            missingByteCount -= 1
            allowed = Self.continuation
            return true
        }
        switch byte {
        case 0x00...0x7F: break
        case 0xC2...0xDF: missingByteCount = 1
        case 0xE0: begin(missing: 2, next: 0xA0...0xBF)
        case 0xED: begin(missing: 2, next: 0x80...0x9F)
        case 0xE1...0xEF: missingByteCount = 2
        case 0xF0: begin(missing: 3, next: 0x90...0xBF)
        case 0xF4: begin(missing: 3, next: 0x80...0x8F)
        case 0xF1...0xF3: missingByteCount = 3
        default: return false
        }
        return true
    }

    private mutating func begin(missing: Int, next: ClosedRange<UInt8>) {
        missingByteCount = missing
        allowed = next
    }
}
