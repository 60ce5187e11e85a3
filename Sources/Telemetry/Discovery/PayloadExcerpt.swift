import Core

/// The kind of a payload, as far as the choice of a route depends on it.
package enum PayloadKind: String, Hashable, Sendable {
    case empty
    /// A single number, or a word such as `ON`.
    case value
    /// JSON that begins with `{`.
    case object
    /// JSON that begins with `[`.
    case array
    case text
    /// Bytes that are not UTF-8, or that contain NUL.
    case binary

    /// Detects the kind of a payload.
    ///
    /// - Parameter isWhole: False when `payload` is only the beginning.
    package init(of payload: [UInt8], isWhole: Bool) {
        guard let first = payload.first(where: { $0 > UInt8(ascii: " ") }) else {
            self = payload.isEmpty ? .empty : .text
            return
        }
        let context = DecodingContext(
            topic: "", device: DeviceID("device"), receivedAt: Timestamp(nanosecondsSinceEpoch: 0))
        if first == UInt8(ascii: "{") {
            self = .object
        } else if first == UInt8(ascii: "[") {
            self = .array
        } else if (try? BareValueDecoder().decode(payload, context: context)) != nil {
            self = .value
        } else {
            self = PayloadExcerpt.isText(payload, isWhole: isWhole) ? .text : .binary
        }
    }
}

/// The beginning of a payload in a form that is safe to show: text with escaped control characters, or hex.
package struct PayloadExcerpt: Hashable, Sendable {
    package static let maxTextBytes = 600
    package static let maxBinaryBytes = 96

    package let text: String
    /// True when ``text`` consists of hexadecimal bytes.
    package let isHex: Bool
    /// True when the payload is longer than what ``text`` shows.
    package let isCut: Bool

    /// Creates an excerpt of a payload, of which only the beginning may be known.
    package init(of payload: [UInt8], byteCount: Int) {
        isHex = !Self.isText(payload, isWhole: payload.count == byteCount)
        let shown = payload.prefix(isHex ? Self.maxBinaryBytes : Self.maxTextBytes)
        isCut = shown.count < byteCount
        if isHex {
            text = shown.map(Self.hex).joined(separator: " ")
        } else {
            let valid = Array(shown).withUnsafeBufferPointer(UTF8Validation.validPrefixCount)
            text = Self.escaped(String(decoding: shown.prefix(valid), as: UTF8.self))
        }
    }

    /// Returns the text with control and format characters in the form `\n` or `\u{202E}`. These could control a
    /// terminal or hide parts of the text.
    package static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                escaped += scalar.escaped(asASCII: true)
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// True for UTF-8 without NUL. The last character of a payload that is not whole may be incomplete.
    fileprivate static func isText(_ payload: [UInt8], isWhole: Bool) -> Bool {
        guard !payload.contains(0) else { return false }
        let invalid = payload.count - payload.withUnsafeBufferPointer(UTF8Validation.validPrefixCount)
        return invalid == 0 || !isWhole && invalid < 4
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0\(digits)" : digits
    }
}
