/// Four timestamps of one question and its answer, which tell how far two clocks are apart.
///
///     this clock   sentAt ──────────────▶            ▲── returnedAt
///     the other's             receivedAt ─ answeredAt
///
/// Source: RFC 5905, section 8: offset and round-trip delay.
package struct ClockExchange: Sendable, Hashable {
    /// When the question was sent, by this clock.
    package var sentAt: Timestamp
    /// When it was received, by the other clock.
    package var receivedAt: Timestamp
    /// When the answer was sent, by the other clock.
    package var answeredAt: Timestamp
    /// When the answer was there, by this clock.
    package var returnedAt: Timestamp

    /// `nil` where the four cannot be true: time ran backwards on one of the two sides.
    package init?(sentAt: Timestamp, receivedAt: Timestamp, answeredAt: Timestamp, returnedAt: Timestamp) {
        guard sentAt <= returnedAt, receivedAt <= answeredAt,
            answeredAt.since(receivedAt) <= returnedAt.since(sentAt)
        else { return nil }
        self.sentAt = sentAt
        self.receivedAt = receivedAt
        self.answeredAt = answeredAt
        self.returnedAt = returnedAt
    }

    /// What is to be added to this clock's time to get the other's; exact when both ways take equally long.
    package var offset: Duration {
        (receivedAt.since(sentAt) + answeredAt.since(returnedAt)) / 2
    }

    /// The time on the way, there and back. The offset is wrong by half of it at most.
    package var roundTrip: Duration {
        returnedAt.since(sentAt) - answeredAt.since(receivedAt)
    }
}
