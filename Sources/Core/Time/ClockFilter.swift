/// An estimator of the offset to another clock, from several exchanges of timestamps with it. The exchange with the
/// shortest round trip is the most accurate one.
///
/// The caller supplies all times. Only a few exchanges are kept, and old ones expire because clocks drift.
package struct ClockFilter: Sendable {
    /// The number of exchanges to keep.
    package static let capacity = 8
    /// The age after which an exchange is ignored.
    package static let maxAge = Duration.seconds(600)
    /// The worst-case drift between two ordinary clocks, in seconds per second (RFC 5905: 15 ppm).
    private static let driftPerSecond = 15e-6

    private var exchanges: [ClockExchange] = []

    package init() {}

    /// Adds an exchange. An exchange that contradicts the current estimate shows that one of the clocks was set. All
    /// earlier exchanges are then dropped.
    package mutating func add(_ exchange: ClockExchange) {
        if let estimate = estimate(at: exchange.returnedAt) {
            let distance = exchange.offset - estimate.offset
            let tolerance = estimate.uncertainty + exchange.roundTrip / 2 + .milliseconds(1)
            if max(distance, .zero - distance) > tolerance { exchanges = [] }
        }
        if exchanges.count >= Self.capacity { exchanges.removeFirst() }
        exchanges.append(exchange)
    }

    /// Returns the most accurate estimate from recent exchanges, or `nil` if there are none.
    ///
    /// - Parameter now: The current time of the local clock.
    package func estimate(at now: Timestamp) -> ClockEstimate? {
        exchanges.compactMap { exchange -> ClockEstimate? in
            let age = now.since(exchange.returnedAt)
            guard age <= Self.maxAge else { return nil }
            // A negative age means that the local clock was set back after the exchange.
            guard age >= .zero else { return nil }
            let drift = Duration.nanoseconds(Int64(Double(age / .nanoseconds(1)) * Self.driftPerSecond))
            return ClockEstimate(offset: exchange.offset, uncertainty: exchange.roundTrip / 2 + drift)
        }.min { $0.uncertainty < $1.uncertainty }
    }
}

/// The four timestamps of a request and its response, which give the offset between two clocks.
///
///     this clock        sentAt ─────────────────▶            ▲── returnedAt
///     the other clock            receivedAt ─── answeredAt
///
/// Source: RFC 5905, section 8: offset and round-trip delay.
package struct ClockExchange: Sendable, Hashable {
    /// When the request was sent, by this clock.
    package var sentAt: Timestamp
    /// When the request was received, by the other clock.
    package var receivedAt: Timestamp
    /// When the response was sent, by the other clock.
    package var answeredAt: Timestamp
    /// When the response arrived, by this clock.
    package var returnedAt: Timestamp

    /// Creates an exchange, or `nil` if the timestamps are inconsistent: time ran backwards on one side, or the other
    /// side took longer to answer than the whole exchange lasted.
    package init?(sentAt: Timestamp, receivedAt: Timestamp, answeredAt: Timestamp, returnedAt: Timestamp) {
        guard sentAt <= returnedAt, receivedAt <= answeredAt,
            answeredAt.since(receivedAt) <= returnedAt.since(sentAt)
        else { return nil }
        self.sentAt = sentAt
        self.receivedAt = receivedAt
        self.answeredAt = answeredAt
        self.returnedAt = returnedAt
    }

    /// The duration to add to this clock's time to get the other's. Exact when both directions take equally long.
    package var offset: Duration {
        (receivedAt.since(sentAt) + answeredAt.since(returnedAt)) / 2
    }

    /// The time spent in transit, in both directions. The offset is wrong by at most half of it.
    package var roundTrip: Duration {
        returnedAt.since(sentAt) - answeredAt.since(receivedAt)
    }
}

/// The estimated offset between a clock and the gateway's.
package struct ClockEstimate: Sendable, Hashable {
    /// The duration to add to the clock's time to get the gateway's.
    package var offset: Duration
    /// The maximum error of ``offset`` in either direction. If ``isEstimated``, only a lower bound: the offset is too
    /// large by the shortest network delay, which is unknown.
    package var uncertainty: Duration
    /// True when the offset was inferred from the arrival times of messages instead of measured by an exchange.
    package var isEstimated: Bool

    package init(offset: Duration, uncertainty: Duration, isEstimated: Bool = false) {
        self.offset = offset
        self.uncertainty = uncertainty
        self.isEstimated = isEstimated
    }
}
