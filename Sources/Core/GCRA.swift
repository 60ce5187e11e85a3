/// A rate limit by the generic cell rate algorithm (GCRA, ITU-T I.371). A cost is charged as the time in which the rate
/// pays for it. The only state is the time at which everything that was charged is paid.
///
/// Unlike a ``TokenBucket``, it charges costs of any size and returns the time to wait. All times and durations are in
/// nanoseconds of a monotonic clock; after a clock was set back, waits would be too long.
package struct GCRA: Sendable {
    /// The time at which everything that was charged is paid (the theoretical arrival time).
    private var paidAt: Int64

    /// Creates a limit that was charged nothing.
    package init(at now: Int64) {
        paidAt = now
    }

    /// Returns true if everything is paid. The value can then be discarded, because a new one would be equal.
    package func isPaid(at now: Int64) -> Bool { paidAt <= now }

    /// Returns the time until no more than `burst` is unpaid.
    package func wait(burst: Int64, at now: Int64) -> Int64 { max(0, paidAt - now - burst) }

    /// Charges `cost`, whatever is unpaid already.
    package mutating func charge(_ cost: Int, perSecond: Int, at now: Int64) {
        paidAt = max(paidAt, now) + Self.duration(of: cost, perSecond: perSecond)
    }

    /// Charges `cost` if no more than `burst` is unpaid afterwards, otherwise nothing. A cost above the burst is
    /// allowed once everything else is paid.
    ///
    /// - Returns: 0 if the cost was charged, otherwise the time after which it can be.
    package mutating func take(_ cost: Int, perSecond: Int, burst: Int64, at now: Int64) -> Int64 {
        var charged = self
        charged.charge(cost, perSecond: perSecond, at: now)
        let wait = charged.wait(burst: max(burst, Self.duration(of: cost, perSecond: perSecond)), at: now)
        if wait == 0 { self = charged }
        return wait
    }

    private static func duration(of cost: Int, perSecond: Int) -> Int64 {
        Int64(cost) * 1_000_000_000 / Int64(perSecond)
    }
}
