/// A token bucket: holds up to `burst` tokens and gains `perSecond` tokens a second.
///
/// A small value; rate and burst are passed in with every call, and so is the time: nanoseconds on any one clock. A clock
/// that was set back adds no tokens.
package struct TokenBucket {
    /// The decision on a charge.
    package enum Decision: Equatable {
        case allowed
        /// Refused; the bucket is in debt.
        case refused
        /// Refused, and so often in a row that the peer evidently ignores the refusals.
        case abusive
    }

    private var tokens: Float
    private var updated: Int64

    /// Creates a full bucket.
    package init(burst: Int, at nanoseconds: Int64) {
        self.tokens = Float(burst)
        self.updated = nanoseconds
    }

    /// Takes `count` tokens if that many are left, otherwise none.
    package mutating func take(_ count: Int = 1, perSecond: Int, burst: Int, at nanoseconds: Int64) -> Bool {
        refill(perSecond: perSecond, burst: burst, at: nanoseconds)
        guard tokens >= Float(count) else { return false }
        tokens -= Float(count)
        return true
    }

    /// Takes `cost` tokens, at most `burst`. Refused requests add to the debt, so that a peer that keeps sending is
    /// detected: a debt of more than `burst` is abuse.
    package mutating func charge(_ cost: Int = 1, perSecond: Int, burst: Int, at nanoseconds: Int64) -> Decision {
        refill(perSecond: perSecond, burst: burst, at: nanoseconds)
        tokens -= Float(min(cost, burst))
        if tokens >= 0 { return .allowed }
        return tokens < -Float(burst) ? .abusive : .refused
    }

    /// Returns true when the bucket has refilled, so that a new one would be equal.
    package func isFull(perSecond: Int, burst: Int, at nanoseconds: Int64) -> Bool {
        tokens + gain(perSecond: perSecond, at: nanoseconds) >= Float(burst)
    }

    private mutating func refill(perSecond: Int, burst: Int, at nanoseconds: Int64) {
        tokens = min(Float(burst), tokens + gain(perSecond: perSecond, at: nanoseconds))
        updated = nanoseconds
    }

    private func gain(perSecond: Int, at nanoseconds: Int64) -> Float {
        Float(max(0, nanoseconds - updated)) / 1e9 * Float(perSecond)
    }
}

/// A rate limit that several threads share: a ``TokenBucket`` with one second's worth of tokens.
package final class RateLimit: Sendable {
    private let perSecond: Int
    private let bucket: Lock<TokenBucket>

    /// Creates a limit with all its tokens.
    ///
    /// - Parameter perSecond: 0 allows nothing.
    package init(perSecond: Int) {
        self.perSecond = max(0, perSecond)
        bucket = Lock(TokenBucket(burst: self.perSecond, at: 0))
    }

    /// Takes `count` tokens if that many are left, otherwise none.
    package func take(_ count: Int = 1, at now: Timestamp) -> Bool {
        bucket.withLock {
            $0.take(count, perSecond: perSecond, burst: perSecond, at: now.nanosecondsSinceEpoch)
        }
    }
}
