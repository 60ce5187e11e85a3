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
    package init?(secondsSinceEpoch seconds: Double) {
        let nanoseconds = (seconds * 1e9).rounded()
        guard let exact = Int64(exactly: nanoseconds) else { return nil }
        self.nanosecondsSinceEpoch = exact
    }

    /// Seconds since the epoch with a fraction, as the wire's `timestamp` has it.
    ///
    /// Rounded to microseconds: the shortest decimal form then stays short, and no sensor is more exact.
    package var secondsSinceEpoch: Double {
        Double(nanosecondsSinceEpoch / 1000) / 1e6
    }

    /// Milliseconds since the epoch with a fraction, as `clock_sync` has it.
    package var millisecondsSinceEpoch: Double {
        Double(nanosecondsSinceEpoch / 1000) / 1e3
    }

    /// The time from `earlier` to this instant; negative when this instant is the earlier one.
    package func since(_ earlier: Timestamp) -> Duration {
        .nanoseconds(nanosecondsSinceEpoch - earlier.nanosecondsSinceEpoch)
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
