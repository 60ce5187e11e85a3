import Foundation

/// A string that is compared and hashed byte by byte. Wrap untrusted text in it before comparing.
///
/// `String` compares and hashes by canonical equivalence, which takes time quadratic in the number of consecutive
/// combining marks: seconds for a text of 200 KiB.
package struct ExactString: Hashable, Sendable, ExpressibleByStringLiteral {
    private let value: String

    package init(_ value: some StringProtocol) {
        self.value = String(value)
    }

    package init(stringLiteral value: String) {
        self.value = value
    }

    @inline(__always)
    package static func == (one: ExactString, other: ExactString) -> Bool {
        guard one.value.utf8.count == other.value.utf8.count else { return false }
        let isEqual = one.value.utf8.withContiguousStorageIfAvailable { bytes in
            other.value.utf8.withContiguousStorageIfAvailable { areEqual(bytes, $0) }
        }
        return (isEqual ?? nil) ?? one.value.utf8.elementsEqual(other.value.utf8)
    }

    /// Compares two buffers of the same length, eight bytes at a time.
    private static func areEqual(_ bytes: UnsafeBufferPointer<UInt8>, _ others: UnsafeBufferPointer<UInt8>) -> Bool {
        let (bytes, others) = (UnsafeRawBufferPointer(bytes), UnsafeRawBufferPointer(others))
        var index = 0
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if word != others.loadUnaligned(fromByteOffset: index, as: UInt64.self) { return false }
            index += 8
        }
        while index < bytes.count {
            if bytes[index] != others[index] { return false }
            index += 1
        }
        return true
    }

    package func hash(into hasher: inout Hasher) {
        let isWhole: Void? = value.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if isWhole == nil { for byte in value.utf8 { hasher.combine(byte) } }
    }
}

/// A quoted and truncated copy of a text, for error messages that name their input without repeating all of it.
package struct Excerpt: CustomStringConvertible {
    private static let maximumScalarCount = 80

    package let description: String

    package init(of text: some StringProtocol) {
        // Examines only as much of a huge text as it shows. It counts scalars because a single character may be huge.
        let head = text.unicodeScalars.prefix(Self.maximumScalarCount)
        description = "'\(String(String.UnicodeScalarView(head)))\(head.endIndex == text.endIndex ? "" : "…")'"
    }
}

/// A namespace for locating the first invalid byte of UTF-8 text. To check only whether bytes are valid, use
/// `String(validating:as:)`.
package enum UTF8Validation {
    /// Returns the length of the longest well-formed UTF-8 prefix.
    package static func validPrefixCount(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var count = 0
        while case .valid(let scalar) = parser.parseScalar(from: &iterator) { count += scalar.count }
        return count
    }
}

extension StringProtocol {
    /// True if the text begins with a combining mark, which would form one character with a `/` before it.
    ///
    /// That character does not equal `/`. Code that splits a topic by characters would therefore find other levels than
    /// code that splits it by bytes. No level of a topic or room name may begin with such a mark.
    package var beginsWithCombiningMark: Bool {
        guard let first = unicodeScalars.first, !first.isASCII else { return false }
        return "/\(first)".count == 1
    }
}

extension String {
    /// True if the text can be one level of a room's name that stands for a single room: it has no `/`, `+`, `#` or
    /// control characters and does not begin with a combining mark.
    package var isRoomLevel: Bool {
        guard !beginsWithCombiningMark else { return false }
        return unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "/", "+", "#": false
            default: true
            }
        }
    }

    /// The text in Unicode normal form NFC. Applied to the names in files that operators write.
    package var inNormalForm: String { isPlain ? self : precomposedStringWithCanonicalMapping }

    /// True for a text in normal form NFC, which names from outside must have.
    ///
    /// Swift treats `é` and `e` with a combining accent as equal, and the Kelvin sign as the letter K. Databases,
    /// brokers and token issuers do not. A name in another form is rejected, not converted: its issuer may have given
    /// the converted name to another user.
    package var isInNormalForm: Bool {
        isPlain || precomposedStringWithCanonicalMapping.utf8.elementsEqual(utf8)
    }

    /// True for ASCII text, which is the same in every normal form.
    private var isPlain: Bool { utf8.allSatisfy { $0 < 0x80 } }
}
