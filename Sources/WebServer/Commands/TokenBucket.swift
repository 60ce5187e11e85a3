package import NIOCore

/// Limits a rate while allowing bursts: holds up to `burst` tokens and gains `perSecond` of them a second.
package struct TokenBucket {
    /// What becomes of one more command.
    package enum Decision: Equatable {
        case allowed
        /// Refused; the bucket is in debt.
        case refused
        /// Refused, and so often in a row that the peer evidently does not listen.
        case abusive
    }

    private var tokens: Float
    private var updated: NIODeadline

    /// A full bucket.
    package init(burst: Int, now: NIODeadline) {
        self.tokens = Float(burst)
        self.updated = now
    }

    /// Takes `cost` tokens, `burst` at most. A refused command goes into the debt, so that somebody who keeps sending is
    /// found out: a debt of another `burst` is abuse.
    package mutating func take(_ cost: Int = 1, perSecond: Int, burst: Int, now: NIODeadline) -> Decision {
        let elapsed = Float((now - updated).nanoseconds) / 1e9
        tokens = min(Float(burst), tokens + elapsed * Float(perSecond))
        updated = now
        tokens -= Float(min(cost, burst))
        if tokens >= 0 { return .allowed }
        return tokens < -Float(burst) ? .abusive : .refused
    }

    /// Whether nothing was taken for so long that a new bucket would be the same.
    package func isFull(perSecond: Int, burst: Int, now: NIODeadline) -> Bool {
        tokens + Float((now - updated).nanoseconds) / 1e9 * Float(perSecond) >= Float(burst)
    }
}
