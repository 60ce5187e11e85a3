extension Timestamp {
    /// This instant in UTC with milliseconds, such as `2024-05-01T12:00:00.250Z` (RFC 3339 section 5.6).
    ///
    /// What is finer than a millisecond is cut off, never rounded up into the next second.
    package var rfc3339: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        appendRFC3339(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the 24 bytes of ``rfc3339``.
    func appendRFC3339(to bytes: inout [UInt8]) {
        let (milliseconds, _) = Self.flooredDivision(nanosecondsSinceEpoch, by: 1_000_000)
        let (seconds, millisecond) = Self.flooredDivision(milliseconds, by: 1000)
        let (days, secondOfDay) = Self.flooredDivision(seconds, by: 86400)
        let date = CivilDate(daysSinceEpoch: days)
        Self.appendTwoDigits(date.year / 100, to: &bytes)
        Self.appendTwoDigits(date.year % 100, then: "-", to: &bytes)
        Self.appendTwoDigits(date.month, then: "-", to: &bytes)
        Self.appendTwoDigits(date.day, then: "T", to: &bytes)
        Self.appendTwoDigits(secondOfDay / 3600, then: ":", to: &bytes)
        Self.appendTwoDigits(secondOfDay / 60 % 60, then: ":", to: &bytes)
        Self.appendTwoDigits(secondOfDay % 60, then: ".", to: &bytes)
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: millisecond / 100))
        Self.appendTwoDigits(millisecond % 100, then: "Z", to: &bytes)
    }

    /// Appends the same with as many more digits as it takes to say the instant exactly: none, three or six.
    package func appendExactRFC3339(to bytes: inout [UInt8]) {
        appendRFC3339(to: &bytes)
        let (_, rest) = Self.flooredDivision(nanosecondsSinceEpoch, by: 1_000_000)
        if rest == 0 { return }
        bytes.removeLast()
        var divisor: Int64 = 100_000
        let digits = rest % 1000 == 0 ? 3 : 6
        for _ in 0..<digits {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / divisor % 10))
            divisor /= 10
        }
        bytes.append(UInt8(ascii: "Z"))
    }

    private static func flooredDivision(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    @inline(__always)
    private static func appendTwoDigits(_ value: Int64, then separator: Unicode.Scalar? = nil, to bytes: inout [UInt8])
    {
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10))
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
        if let separator { bytes.append(UInt8(ascii: separator)) }
    }
}
