/// Durations as people write them: `500ms`, `10s`, `5m`, `1h`, `7d`.
package enum DurationText {
    private static let units: [(suffix: String, milliseconds: Double)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// The duration, or `nil` for anything that is not a non-negative number with a unit.
    package static func parse(_ text: String) -> Duration? {
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
        let digits = text.dropLast(unit.suffix.count)
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }), let number = Double(digits),
            number * unit.milliseconds < 1e15
        else { return nil }
        return .microseconds(Int64((number * unit.milliseconds * 1000).rounded()))
    }

    /// The shortest such text.
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
