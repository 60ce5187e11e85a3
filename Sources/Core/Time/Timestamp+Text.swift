extension Timestamp {
    /// Parses an RFC 3339 date and time, or one of the related ISO 8601 forms that devices write; `nil` for other text.
    ///
    /// The base form is `2024-05-01T12:00:00Z`. Allowed variants: a space or `t` between date and time; no seconds; a
    /// fraction after `.` or `,` (digits after the ninth are dropped); an offset of `Z`, `+02:00`, `+0200` or `+02`.
    /// Without an offset the time is UTC. The year must be 1970 to 2261. A leap second counts as the second after it.
    package init?(iso8601 text: some StringProtocol) {
        var scanner = Scanner(Array(text.utf8.prefix(Scanner.maximumByteCount + 1)))
        guard let nanoseconds = scanner.nanosecondsSinceEpoch() else { return nil }
        self.init(nanosecondsSinceEpoch: nanoseconds)
    }

    /// A left-to-right scanner of a date and time.
    private struct Scanner {
        /// The length in bytes above which a text is rejected.
        static let maximumByteCount = 64

        private let text: [UInt8]
        private var position = 0

        init(_ text: [UInt8]) {
            self.text = text
        }

        mutating func nanosecondsSinceEpoch() -> Int64? {
            guard text.count <= Self.maximumByteCount,
                let year = number(digits: 4), (1970...2261).contains(year), skip(UInt8(ascii: "-")),
                let month = number(digits: 2), skip(UInt8(ascii: "-")), let day = number(digits: 2),
                let date = CivilDate(year: year, month: month, day: day),
                skip(UInt8(ascii: "T")) || skip(UInt8(ascii: "t")) || skip(UInt8(ascii: " ")),
                let hour = number(digits: 2), hour < 24, skip(UInt8(ascii: ":")),
                let minute = number(digits: 2), minute < 60
            else { return nil }
            var second: Int64 = 0
            var fraction: Int64 = 0
            if skip(UInt8(ascii: ":")) {
                guard let whole = number(digits: 2), whole <= 60, let part = fractionInNanoseconds() else { return nil }
                (second, fraction) = (whole, part)
            }
            guard let offset = offsetInSeconds(), position == text.count else { return nil }
            let seconds = date.daysSinceEpoch * 86400 + hour * 3600 + minute * 60 + second - offset
            let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            let (sum, tooLate) = scaled.addingReportingOverflow(fraction)
            return overflow || tooLate ? nil : sum
        }

        /// Parses the fraction after `.` or `,`; 0 if there is none.
        private mutating func fractionInNanoseconds() -> Int64? {
            guard skip(UInt8(ascii: ".")) || skip(UInt8(ascii: ",")) else { return 0 }
            guard digit != nil else { return nil }
            var nanoseconds: Int64 = 0
            var weight: Int64 = 100_000_000
            while let next = digit {
                nanoseconds += next * weight
                weight /= 10
                position += 1
            }
            return nanoseconds
        }

        /// Parses the offset from UTC; 0 for `Z` or no offset.
        private mutating func offsetInSeconds() -> Int64? {
            if position == text.count || skip(UInt8(ascii: "Z")) || skip(UInt8(ascii: "z")) { return 0 }
            let isWest = skip(UInt8(ascii: "-"))
            guard isWest || skip(UInt8(ascii: "+")), let hours = number(digits: 2), hours < 24 else { return nil }
            var minutes: Int64 = 0
            if position < text.count {
                _ = skip(UInt8(ascii: ":"))
                guard let given = number(digits: 2), given < 60 else { return nil }
                minutes = given
            }
            let seconds = hours * 3600 + minutes * 60
            return isWest ? -seconds : seconds
        }

        private var digit: Int64? {
            guard position < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position]) else {
                return nil
            }
            return Int64(text[position] - UInt8(ascii: "0"))
        }

        private mutating func number(digits: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<digits {
                guard let next = digit else { return nil }
                value = value * 10 + next
                position += 1
            }
            return value
        }

        private mutating func skip(_ byte: UInt8) -> Bool {
            guard position < text.count, text[position] == byte else { return false }
            position += 1
            return true
        }
    }
}

extension Timestamp {
    /// This instant in UTC with milliseconds, such as `2024-05-01T12:00:00.250Z` (RFC 3339 section 5.6).
    ///
    /// Finer digits are truncated, so that the result is never rounded up into the next second.
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

    /// Appends this instant with as many fractional digits as it needs to be exact: three, six or nine.
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

/// A day of the proleptic Gregorian calendar, computed without Foundation.
///
/// The conversions to and from days since 1970 use 400-year eras and years that begin on 1 March, so that a leap day is
/// the last day of its year.
struct CivilDate: Hashable {
    var year: Int64
    /// 1 to 12.
    var month: Int64
    /// 1 to 31.
    var day: Int64

    private static let daysPerEra: Int64 = 146_097
    /// Days from 1 March of year 0 to 1 January 1970.
    private static let daysBeforeEpoch: Int64 = 719_468

    /// Creates a day, or `nil` if the calendar has no such day. Years 1 to 9999.
    init?(year: Int64, month: Int64, day: Int64) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= Self.dayCount(ofMonth: month, in: year)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// Creates the day that is `daysSinceEpoch` days after 1 January 1970. For the range of ``Timestamp`` the result is
    /// in year 1 or later.
    init(daysSinceEpoch: Int64) {
        let days = daysSinceEpoch + Self.daysBeforeEpoch
        let era = days / Self.daysPerEra
        let dayOfEra = days - era * Self.daysPerEra
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// The number of days from 1 January 1970 to this day.
    var daysSinceEpoch: Int64 {
        let yearFromMarch = month <= 2 ? year - 1 : year
        let era = yearFromMarch / 400
        let yearOfEra = yearFromMarch - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * Self.daysPerEra + dayOfEra - Self.daysBeforeEpoch
    }

    private static func dayCount(ofMonth month: Int64, in year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
