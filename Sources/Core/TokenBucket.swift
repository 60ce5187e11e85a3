/// A token bucket: holds up to `burst` tokens and gains `perSecond` tokens a second.
///
/// To stay small, the value does not store `burst` and `perSecond`: the caller passes them with every call, as well as
/// the time in nanoseconds, always of the same clock. A clock that was set back adds no tokens.
package struct TokenBucket {
    /// The result of ``TokenBucket/charge(_:perSecond:burst:at:)``.
    package enum Decision: Equatable {
        case allowed
        /// Refused: the bucket held fewer tokens than the cost.
        case refused
        /// Refused, as were so many requests before that the peer evidently ignores refusals.
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

    /// Takes `cost` tokens, but at most `burst`, even if the balance becomes negative. Refused requests thus lower the
    /// balance too, and a balance below -`burst` reveals a peer that keeps sending despite refusals.
    package mutating func charge(_ cost: Int = 1, perSecond: Int, burst: Int, at nanoseconds: Int64) -> Decision {
        refill(perSecond: perSecond, burst: burst, at: nanoseconds)
        tokens -= Float(min(cost, burst))
        if tokens >= 0 { return .allowed }
        return tokens < -Float(burst) ? .abusive : .refused
    }

    /// Returns true if the bucket is full again. It can then be discarded, because a new one would be equal.
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
    /// - Parameter perSecond: The number of tokens gained per second, and the capacity. 0 allows nothing.
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
