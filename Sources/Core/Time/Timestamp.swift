#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// An instant of wall-clock time with nanosecond resolution.
///
/// Stored as one integer, so that a reading's times cost eight bytes each and compare exactly. `Double` seconds would
/// lose the last few hundred nanoseconds.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Nanoseconds since the Unix epoch, 1970-01-01T00:00:00Z. Covers the years 1678 to 2262.
    package var nanosecondsSinceEpoch: Int64

    package init(nanosecondsSinceEpoch: Int64) {
        self.nanosecondsSinceEpoch = nanosecondsSinceEpoch
    }

    /// Creates the instant `seconds` after the epoch, or `nil` if it is out of range.
    ///
    /// The result is rounded to microseconds: a `Double` of current Unix seconds is no more precise, and rounding
    /// restores the decimal digits that a device sent.
    package init?(secondsSinceEpoch seconds: Double) {
        self.init(microsecondsSinceEpoch: seconds * 1e6)
    }

    /// Creates the instant `milliseconds` after the epoch, rounded to microseconds, or `nil` if it is out of range.
    package init?(millisecondsSinceEpoch milliseconds: Double) {
        self.init(microsecondsSinceEpoch: milliseconds * 1e3)
    }

    /// Creates the instant `microseconds` after the epoch, rounded to whole ones, or `nil` if it is out of range.
    package init?(microsecondsSinceEpoch microseconds: Double) {
        guard let exact = Int64(exactly: microseconds.rounded()) else { return nil }
        let (nanoseconds, overflow) = exact.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return nil }
        self.nanosecondsSinceEpoch = nanoseconds
    }

    /// Fractional seconds since the epoch, the `timestamp` of the wire format.
    ///
    /// Rounded to microseconds, so that it is written with few digits. No sensor is more precise.
    package var secondsSinceEpoch: Double {
        Double(microsecondsSinceEpoch) / 1e6
    }

    /// Fractional milliseconds since the epoch, rounded to microseconds, as in the message `clock_sync`.
    package var millisecondsSinceEpoch: Double {
        Double(microsecondsSinceEpoch) / 1e3
    }

    private var microsecondsSinceEpoch: Int64 {
        let (microseconds, rest) = nanosecondsSinceEpoch.quotientAndRemainder(dividingBy: 1000)
        if rest >= 500 { return microseconds + 1 }
        return rest <= -500 ? microseconds - 1 : microseconds
    }

    /// Returns the time from `earlier` to this instant; negative if `earlier` is in fact the later one.
    package func since(_ earlier: Timestamp) -> Duration {
        .nanoseconds(nanosecondsSinceEpoch) - .nanoseconds(earlier.nanosecondsSinceEpoch)
    }

    /// Returns this instant moved by `duration`, saturating at the ends of the representable range.
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

/// A source of the current time, injected through `init` so that tests can control time.
package protocol WallClock: Sendable {
    /// Returns the current time.
    func now() -> Timestamp
}

/// The machine's real-time clock.
package struct SystemWallClock: WallClock {
    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanosecondsSinceEpoch: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
