extension JSONParser {
    /// The string whose opening quote stands here (RFC 8259 section 7); the position is then after its closing quote.
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

    /// The slow way: copies the string while it replaces escapes.
    private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
        var plainStart = start
        var result = ""
        while position < end {
            let byte = base[position]
            switch byte {
            case UInt8(ascii: "\""):
                result += try text(from: plainStart, isASCII: false)
                position += 1
                return result
            case UInt8(ascii: "\\"):
                result += try text(from: plainStart, isASCII: false)
                position += 1
                result.unicodeScalars.append(try escape())
                plainStart = position
            case 0x00..<0x20: throw JSONError(.controlCharacter(byte), at: position)
            default: position += 1
            }
        }
        throw JSONError(.unexpectedEnd, at: position)
    }

    /// What stands from `start` to the position, which has no escapes.
    @inline(__always)
    private func text(from start: Int, isASCII: Bool) throws(JSONError) -> String {
        let bytes = UnsafeBufferPointer(start: base + start, count: position - start)
        if isASCII { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw JSONError(.invalidUTF8, at: start + UTF8Validation.validPrefixCount(of: bytes))
        }
        return text
    }

    /// The character that the escape after a backslash stands for.
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

    /// `uXXXX`, or two of them that make a surrogate pair.
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

    /// The four digits after the `u` that stands here.
    private mutating func hexadecimalUnit() throws(JSONError) -> UInt16 {
        position += 1
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard position < end, let digit = Character(Unicode.Scalar(base[position])).hexDigitValue else {
                throw unexpected(.hexDigit)
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}
