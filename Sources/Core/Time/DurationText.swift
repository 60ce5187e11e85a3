/// Parsing and formatting of durations as people write them: `500ms`, `10s`, `5m`, `1h`, `7d`.
///
///     DurationText.parse("1.5h")            // 90 minutes
///     DurationText.format(.seconds(5400))   // "90m"
package enum DurationText {
    private static let units: [(suffix: String, milliseconds: Double)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Parses a non-negative decimal number followed by a unit; returns `nil` for any other text.
    package static func parse(_ text: String) -> Duration? {
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
        let digits = text.dropLast(unit.suffix.count)
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }), let number = Double(digits),
            number * unit.milliseconds < 1e15
        else { return nil }
        return .microseconds(Int64((number * unit.milliseconds * 1000).rounded()))
    }

    /// Formats `duration`, rounded to milliseconds, as a whole number of the largest unit that divides it.
    package static func format(_ duration: Duration) -> String {
        if duration == .zero { return "0s" }
        let milliseconds = Int64((duration / .milliseconds(1)).rounded())
        for unit in units.reversed() where milliseconds >= Int64(unit.milliseconds) {
            if milliseconds % Int64(unit.milliseconds) == 0 {
                return "\(milliseconds / Int64(unit.milliseconds))\(unit.suffix)"
            }
        }
        return "\(milliseconds)ms"
    }
}
