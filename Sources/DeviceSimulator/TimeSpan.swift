/// Durations in the notation of device files: `500ms`, `10s`, `5m`, `1h`, `1d`.
enum TimeSpan {
    private static let units: [(suffix: String, seconds: Double)] = [
        ("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400),
    ]

    /// The allowed notation, for error messages.
    static let allowed = "a number with ms, s, m, h or d, such as 500ms or 1.5s"

    /// Parses a duration and rounds it to microseconds. Returns `nil` unless the text is a number of at least 0 with a
    /// unit, up to 1e9 seconds.
    static func parse(_ text: String) -> Duration? {
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }),
            let number = Double(text.dropLast(unit.suffix.count)), number >= 0, number * unit.seconds <= 1e9
        else { return nil }
        return .seconds(microseconds: number * unit.seconds * 1e6)
    }

    /// Formats a duration in the largest unit that gives a whole number.
    static func format(_ span: Duration) -> String {
        let milliseconds = (span.seconds * 1000).rounded()
        let unit = units.last { unit in
            milliseconds > 0 && milliseconds.truncatingRemainder(dividingBy: unit.seconds * 1000) == 0
        }
        return "\(Int64(milliseconds / ((unit?.seconds ?? 0.001) * 1000)))\(unit?.suffix ?? "ms")"
    }
}

extension Duration {
    /// The duration in seconds, with a fraction.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }

    /// Returns a duration rounded to microseconds. Schedules need no finer resolution, and sums stay exact.
    static func seconds(rounding seconds: Double) -> Duration {
        .seconds(microseconds: seconds * 1e6)
    }

    fileprivate static func seconds(microseconds: Double) -> Duration {
        .microseconds(Int64(microseconds.rounded()))
    }
}
