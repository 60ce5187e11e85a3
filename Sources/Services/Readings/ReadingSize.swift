import Storage
import Telemetry

/// How much of the database is readings: its whole content without what everything else takes.
///
/// Everything else is measured only when it matters, because that reads the whole of it: it is little, unless somebody
/// fills the database with messages.
struct ReadingSize: Sendable {
    /// What everything else took when it was last measured.
    private(set) var others: Int64 = 0
    private var measuredAt: Timestamp?

    /// Bytes that readings take, of `used` bytes in all; more than that rather than less.
    func readings(of used: Int64) -> Int64 { max(0, used - others) }

    /// Whether `others` says enough of a database that takes more than it may: not when it is old, and not when readings
    /// were to go because of it.
    func mustMeasure(_ used: Int64, _ policy: RetentionPolicy, at now: Timestamp) -> Bool {
        guard policy.isExceeded(by: used) else { return false }
        guard let measuredAt, now.since(measuredAt) < .seconds(3600) else { return true }
        return policy.isExceeded(by: readings(of: used))
    }

    mutating func measured(_ others: Int64, at now: Timestamp) {
        self.others = others
        measuredAt = now
    }
}
