/// Makes an estimate of several exchanges: the one with the shortest way is the most exact.
///
/// A value type on given times. Keeps a few exchanges and forgets them after a while, because clocks drift.
package struct ClockFilter: Sendable {
    /// Exchanges that are kept.
    package static let capacity = 8
    /// How old an exchange may be.
    package static let maxAge = Duration.seconds(600)
    /// What two ordinary clocks drift apart in a second, at worst (RFC 5905: 15 ppm).
    private static let driftPerSecond = 15e-6

    private var exchanges: [ClockExchange] = []

    package init() {}

    /// Takes an exchange in. One that contradicts all that are there, because a clock was set, begins anew.
    package mutating func add(_ exchange: ClockExchange) {
        if let estimate = estimate(at: exchange.returnedAt) {
            let distance = exchange.offset - estimate.offset
            let tolerance = estimate.uncertainty + exchange.roundTrip / 2 + .milliseconds(1)
            if max(distance, .zero - distance) > tolerance { exchanges = [] }
        }
        if exchanges.count >= Self.capacity { exchanges.removeFirst() }
        exchanges.append(exchange)
    }

    /// The best of what is known, or `nil` when nothing is, or nothing that is recent.
    ///
    /// - Parameter now: by the own clock.
    package func estimate(at now: Timestamp) -> ClockEstimate? {
        exchanges.compactMap { exchange -> ClockEstimate? in
            let age = now.since(exchange.returnedAt)
            guard age <= Self.maxAge else { return nil }
            // Before its time only where the clock was set back since.
            guard age >= .zero else { return nil }
            let drift = Duration.nanoseconds(Int64(Double(age / .nanoseconds(1)) * Self.driftPerSecond))
            return ClockEstimate(offset: exchange.offset, uncertainty: exchange.roundTrip / 2 + drift)
        }.min { $0.uncertainty < $1.uncertainty }
    }
}
