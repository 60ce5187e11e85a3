import Core

extension DurationText {
    /// The notation in device files, for error messages.
    static let allowed = "a number with ms, s, m, h or d, such as 500ms or 1.5s"
}

extension Duration {
    /// The duration in seconds, with a fraction.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }

    /// Returns a duration rounded to microseconds. Schedules need no finer resolution, and sums stay exact.
    static func seconds(rounding seconds: Double) -> Duration {
        .microseconds(Int64((seconds * 1e6).rounded()))
    }
}
