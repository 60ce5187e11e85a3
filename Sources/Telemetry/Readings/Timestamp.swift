/// An instant of wall-clock time with nanosecond resolution.
///
/// Kept as one integer so that a reading's times cost eight bytes each and compare exactly; `Double` seconds
/// would lose the last hundreds of nanoseconds.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Nanoseconds since the Unix epoch, 1970-01-01T00:00:00Z. Covers the years 1678 to 2262.
    package var nanosecondsSinceEpoch: Int64

    package init(nanosecondsSinceEpoch: Int64) {
        self.nanosecondsSinceEpoch = nanosecondsSinceEpoch
    }

    /// The instant that many (fractional) seconds after the epoch, or `nil` when it is outside of what fits.
    ///
    /// Rounded to microseconds: a `Double` of today's seconds holds no more, and the decimal digits that a device
    /// sent come back exactly.
    package init?(secondsSinceEpoch seconds: Double) {
        self.init(microsecondsSinceEpoch: seconds * 1e6)
    }

    /// The instant that many milliseconds after the epoch, rounded to microseconds, or `nil` when it does not fit.
    package init?(millisecondsSinceEpoch milliseconds: Double) {
        self.init(microsecondsSinceEpoch: milliseconds * 1e3)
    }

    /// The instant that many microseconds after the epoch, rounded to whole ones, or `nil` when it does not fit.
    package init?(microsecondsSinceEpoch microseconds: Double) {
        guard let exact = Int64(exactly: microseconds.rounded()) else { return nil }
        let (nanoseconds, overflow) = exact.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return nil }
        self.nanosecondsSinceEpoch = nanoseconds
    }

    /// Seconds since the epoch with a fraction, as the wire's `timestamp` has it.
    ///
    /// Rounded to microseconds: the shortest decimal form then stays short, and no sensor is more exact.
    package var secondsSinceEpoch: Double {
        Double(microsecondsSinceEpoch) / 1e6
    }

    /// Milliseconds since the epoch with a fraction, as `clock_sync` has it; rounded to microseconds.
    package var millisecondsSinceEpoch: Double {
        Double(microsecondsSinceEpoch) / 1e3
    }

    private var microsecondsSinceEpoch: Int64 {
        let (microseconds, rest) = nanosecondsSinceEpoch.quotientAndRemainder(dividingBy: 1000)
        if rest >= 500 { return microseconds + 1 }
        return rest <= -500 ? microseconds - 1 : microseconds
    }

    /// The time from `earlier` to this instant; negative when this instant is the earlier one.
    package func since(_ earlier: Timestamp) -> Duration {
        .nanoseconds(nanosecondsSinceEpoch) - .nanoseconds(earlier.nanosecondsSinceEpoch)
    }

    /// This instant moved by `duration`, saturating at the ends of the representable range.
    package func advanced(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (scaled, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (delta, overflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        let (sum, outside) = nanosecondsSinceEpoch.addingReportingOverflow(delta)
        guard tooLong || overflow || outside else { return Timestamp(nanosecondsSinceEpoch: sum) }
        return Timestamp(nanosecondsSinceEpoch: duration < .zero ? .min : .max)
    }

    package static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
        lhs.nanosecondsSinceEpoch < rhs.nanosecondsSinceEpoch
    }
}
