extension JSONParser {
    /// 10^0 to 10^22, the powers of ten that a double represents exactly.
    private static let exactPowersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    /// Parses the number at the current position (RFC 8259 section 6), correctly rounded.
    ///
    /// If the digits form an integer up to 2^53 and the power of ten is exact too, one multiplication or division
    /// rounds correctly (Clinger, 1990). This covers nearly every number that sensors send. All others go through the
    /// standard library.
    mutating func number() throws(JSONError) -> Double {
        let start = position
        var digits = DecimalDigits()
        let isNegative = base[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        guard let first = digit else {
            throw isAtNonFiniteLiteral ? JSONError(.notFinite, at: start) : unexpected(.digit)
        }
        if first == 0 {
            position += 1
        } else {
            while let next = digit {
                digits.append(next)
                position += 1
            }
        }
        if position < end, base[position] == UInt8(ascii: ".") {
            position += 1
            guard digit != nil else { throw unexpected(.digit) }
            while let next = digit {
                digits.appendFraction(next)
                position += 1
            }
        }
        if position < end, base[position] | 0x20 == UInt8(ascii: "e") { digits.exponent += try exponent() }
        if let exact = digits.exactValue(powers: Self.exactPowersOfTen) { return isNegative ? -exact : exact }

        let text = String(decoding: UnsafeBufferPointer(start: base + start, count: position - start), as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw JSONError(.numberTooLarge, at: start) }
        return value
    }

    private mutating func exponent() throws(JSONError) -> Int {
        position += 1
        var isNegative = false
        if position < end, base[position] == UInt8(ascii: "-") || base[position] == UInt8(ascii: "+") {
            isNegative = base[position] == UInt8(ascii: "-")
            position += 1
        }
        guard digit != nil else { throw unexpected(.digit) }
        var value = 0
        while let next = digit {
            // Already beyond any double: further digits make no difference.
            if value < 100_000 { value = value * 10 + Int(next) }
            position += 1
        }
        return isNegative ? -value : value
    }

    @inline(__always)
    private var digit: UInt8? {
        guard position < end else { return nil }
        let value = base[position] &- UInt8(ascii: "0")
        return value < 10 ? value : nil
    }
}

/// A decimal number as an integer significand and a power of ten.
private struct DecimalDigits {
    var exponent = 0
    private var significand: UInt64 = 0
    private var isExact = true

    /// The largest significand to which another digit can be appended without overflow.
    private static let fullSignificand: UInt64 = (.max - 9) / 10

    @inline(__always)
    mutating func append(_ digit: UInt8) {
        guard significand <= Self.fullSignificand else { return isExact = false }
        significand = significand &* 10 &+ UInt64(digit)
    }

    @inline(__always)
    mutating func appendFraction(_ digit: UInt8) {
        append(digit)
        exponent -= 1
    }

    /// Returns the correctly rounded value, or `nil` if a single floating-point operation might not produce it.
    @inline(__always)
    func exactValue(powers: [Double]) -> Double? {
        guard isExact, significand <= 9_007_199_254_740_992 else { return nil }
        let value = Double(significand)
        if exponent == 0 || significand == 0 { return value }
        if exponent < 0 { return exponent >= -22 ? value / powers[-exponent] : nil }
        return exponent <= 22 ? value * powers[exponent] : nil
    }
}
