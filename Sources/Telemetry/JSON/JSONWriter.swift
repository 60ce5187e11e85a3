/// Appends compact JSON (RFC 8259) to a byte array: the wire format of everything Windsock says.
///
/// A handful of functions instead of an encoder, because readings are written hundreds of thousands of times a
/// second and their shape is known.
package enum JSONWriter {
    private static let hexDigits = Array("0123456789abcdef".utf8)

    /// Appends `string` in quotes, escaping what RFC 8259 section 7 requires, and `<`, `>`, `&`, so that the text
    /// stays harmless when a page puts it into markup. Bytes that are not UTF-8 cannot occur in a `String`.
    package static func append(_ string: some StringProtocol, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        appendEscaped(string, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends the shortest decimal form that reads back equal; integers up to 2^53 without fraction or exponent.
    ///
    /// JSON has no form for NaN and infinities: they are written as `null`. Readings never hold them.
    package static func append(_ number: Double, to bytes: inout [UInt8]) {
        guard number.isFinite else { return append(raw: "null", to: &bytes) }
        if number.magnitude <= 9_007_199_254_740_992, let integer = Int64(exactly: number) {
            return append(integer, to: &bytes)
        }
        var text = number.description
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Appends a decimal integer.
    package static func append(_ integer: Int64, to bytes: inout [UInt8]) {
        var digits = integer.magnitude
        if integer < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digits % 10))
            digits /= 10
        } while digits > 0
        bytes[start...].reverse()
    }

    /// Appends `text` as it stands: for keys and punctuation that are known to need no escaping.
    package static func append(raw text: StaticString, to bytes: inout [UInt8]) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Copies runs of harmless bytes at once and escapes what stands between them.
    private static func appendEscaped(_ string: some StringProtocol, to bytes: inout [UInt8]) {
        let isWhole: Void? = string.utf8.withContiguousStorageIfAvailable { buffer in
            var runStart = 0
            for (index, byte) in buffer.enumerated() where needsEscape(byte) {
                bytes.append(contentsOf: buffer[runStart..<index])
                appendEscape(of: byte, to: &bytes)
                runStart = index + 1
            }
            bytes.append(contentsOf: buffer[runStart...])
        }
        if isWhole != nil { return }
        for byte in string.utf8 {
            if needsEscape(byte) { appendEscape(of: byte, to: &bytes) } else { bytes.append(byte) }
        }
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x00..<0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "\\"): true
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"): true
        default: false
        }
    }

    private static func appendEscape(of byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): append(raw: "\\\"", to: &bytes)
        case UInt8(ascii: "\\"): append(raw: "\\\\", to: &bytes)
        case UInt8(ascii: "\n"): append(raw: "\\n", to: &bytes)
        case UInt8(ascii: "\r"): append(raw: "\\r", to: &bytes)
        case UInt8(ascii: "\t"): append(raw: "\\t", to: &bytes)
        default:
            append(raw: "\\u00", to: &bytes)
            bytes.append(hexDigits[Int(byte >> 4)])
            bytes.append(hexDigits[Int(byte & 15)])
        }
    }
}
