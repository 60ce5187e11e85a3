extension Timestamp {
    /// Parses a date and time as devices write them, or gives `nil`: RFC 3339, and the forms of ISO 8601 next to it.
    ///
    /// `2024-05-01T12:00:00Z`, a space or `t` between date and time, seconds left out, a fraction after `.` or `,`
    /// (digits after the ninth are dropped), an offset as `Z`, `+02:00`, `+0200` or `+02`. Without an offset the time
    /// is UTC. Years 1970 to 2261; a leap second counts as the second after it.
    package init?(iso8601 text: some StringProtocol) {
        var scanner = Scanner(Array(text.utf8.prefix(Scanner.maximumByteCount + 1)))
        guard let nanoseconds = scanner.nanosecondsSinceEpoch() else { return nil }
        self.init(nanosecondsSinceEpoch: nanoseconds)
    }

    /// Reads the parts of such a text from left to right.
    private struct Scanner {
        /// Longer than any text that is worth reading.
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

        /// What stands after `.` or `,`, or 0 when neither does.
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

        /// The offset from UTC, 0 for `Z` and for none.
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
