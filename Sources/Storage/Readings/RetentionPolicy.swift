package import Telemetry

/// How much of the readings is kept: what is older or above goes, the oldest first.
package struct RetentionPolicy: Sendable, Equatable {
    /// Age at which readings go, by their own time.
    package var maxAge: Duration
    /// Bytes that the database's content may take before readings go.
    package var maxBytes: Int64

    package init(maxAge: Duration = .seconds(90 * 86_400), maxBytes: Int64 = 10 << 30) {
        self.maxAge = maxAge
        self.maxBytes = maxBytes
    }

    /// When it is full, this much of it is freed, so that not every reading costs a removal.
    private static let share: Int64 = 20
    /// Readings are given up for their size in steps of at least this.
    private static let minimumStep: Int64 = 60_000_000_000

    /// Readings before this are to go because of their age.
    package func cutoff(at now: Timestamp) -> Timestamp { now.advanced(by: .zero - maxAge) }

    /// Whether readings are to go because of the size.
    package func isExceeded(by byteCount: Int64) -> Bool { byteCount > maxBytes }

    /// Whether enough is free again.
    package func isSatisfied(by byteCount: Int64) -> Bool { byteCount <= maxBytes - maxBytes / Self.share }

    /// The next step towards the size: a sixty-fourth of all time that there is.
    package func sizeCutoff(oldest: Timestamp, at now: Timestamp) -> Timestamp {
        let span = max(0, now.nanosecondsSinceEpoch - oldest.nanosecondsSinceEpoch)
        return oldest.advanced(by: .nanoseconds(max(Self.minimumStep, span / 64)))
    }
}
