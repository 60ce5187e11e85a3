extension JSONParser {
    /// Parses the string whose opening quote is at the current position (RFC 8259 section 7), and moves past its
    /// closing quote.
    mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        var isASCII = true
        while position < end {
            let byte = base[position]
            switch byte {
            case UInt8(ascii: "\""):
                let text = try text(from: start, isASCII: isASCII)
                position += 1
                return text
            case UInt8(ascii: "\\"): return try stringWithEscapes(from: start)
            case 0x00..<0x20: throw JSONError(.controlCharacter(byte), at: position)
            case 0x80...: isASCII = false
            default: break
            }
            position += 1
        }
        throw JSONError(.unexpectedEnd, at: position)
    }

    /// Parses the string that begins at `start` and has an escape at the current position. The slow path of
    /// ``string()``: copies the string and replaces its escapes.
    private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
        var plainStart = start
        var result: [UInt8] = []
        while position < end {
            let byte = base[position]
            switch byte {
            case UInt8(ascii: "\""):
                try appendPlain(from: plainStart, to: &result)
                position += 1
                return String(decoding: result, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try appendPlain(from: plainStart, to: &result)
                position += 1
                result += UTF8.encode(try escape()) ?? UTF8.encodedReplacementCharacter
                plainStart = position
            case 0x00..<0x20: throw JSONError(.controlCharacter(byte), at: position)
            default: position += 1
            }
        }
        throw JSONError(.unexpectedEnd, at: position)
    }

    /// Returns the text from `start` to the current position, which contains no escapes.
    @inline(__always)
    private func text(from start: Int, isASCII: Bool) throws(JSONError) -> String {
        let bytes = UnsafeBufferPointer(start: base + start, count: position - start)
        if isASCII { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw JSONError(.invalidUTF8, at: start + UTF8Validation.validPrefixCount(of: bytes))
        }
        return text
    }

    /// Appends the bytes from `start` to the current position. They contain no escapes and must be valid UTF-8 on their
    /// own.
    private func appendPlain(from start: Int, to result: inout [UInt8]) throws(JSONError) {
        let bytes = UnsafeBufferPointer(start: base + start, count: position - start)
        if bytes.contains(where: { $0 >= 0x80 }) {
            let validCount = UTF8Validation.validPrefixCount(of: bytes)
            guard validCount == bytes.count else { throw JSONError(.invalidUTF8, at: start + validCount) }
        }
        result += bytes
    }

    /// Parses the escape after a backslash and returns the character that it denotes.
    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        guard position < end else { throw JSONError(.unexpectedEnd, at: position) }
        let letter = base[position]
        let scalar: Unicode.Scalar
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = Unicode.Scalar(letter)
        case UInt8(ascii: "b"): scalar = "\u{8}"
        case UInt8(ascii: "f"): scalar = "\u{C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw unexpected(.escape)
        }
        position += 1
        return scalar
    }

    /// Parses `uXXXX`, or two of these escapes that form a surrogate pair.
    private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
        let start = position - 1
        let unit = try hexadecimalUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, end - position >= 2, base[position] == UInt8(ascii: "\\"),
            base[position + 1] == UInt8(ascii: "u")
        else { throw JSONError(.loneSurrogate, at: start) }
        position += 1
        let low = try hexadecimalUnit()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(unit - 0xD800) << 10 | UInt32(low - 0xDC00)))
        else { throw JSONError(.loneSurrogate, at: start) }
        return scalar
    }

    /// Parses the four hexadecimal digits after the `u` at the current position.
    private mutating func hexadecimalUnit() throws(JSONError) -> UInt16 {
        position += 1
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard position < end, let digit = Self.hexadecimalValue(of: base[position]) else {
                throw unexpected(.hexDigit)
            }
            unit = unit << 4 | digit
            position += 1
        }
        return unit
    }

    private static func hexadecimalValue(of byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
