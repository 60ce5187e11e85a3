/// The waits of an exponential back-off with jitter and a cap.
///
///     var failures = 0
///     …
///     failures += 1
///     try await Task.sleep(for: backoff.wait(afterFailures: failures, random: generator.next()))
///
/// Jitter keeps clients that failed together from retrying together. It keeps no state: the caller counts the failures
/// and supplies the randomness.
package struct ExponentialBackoff: Sendable, Hashable {
    /// The maximum of the first wait. It doubles with every further failure, up to ``cap``.
    package var base: Duration
    /// The maximum of any wait, however many failures precede it; at least ``base``.
    package var cap: Duration
    /// The part of the maximum that each wait has at least, 0 to 1. The rest is random: 0 is "full jitter", 1 is no
    /// jitter.
    package var fixedPart: Double

    package init(base: Duration, cap: Duration, fixedPart: Double = 0) {
        self.base = base
        self.cap = max(base, cap)
        self.fixedPart = fixedPart
    }

    /// Returns the wait before the next attempt.
    ///
    /// - Parameters:
    ///   - failures: The number of failed attempts in a row, 1 or more.
    ///   - random: 64 random bits.
    package func wait(afterFailures failures: Int, random: UInt64) -> Duration {
        var ceiling = base
        var doublings = failures - 1
        while doublings > 0, ceiling < cap {
            ceiling *= 2
            doublings -= 1
        }
        return min(ceiling, cap) * (fixedPart + (1 - fixedPart) * random.unitFraction)
    }
}

extension UInt64 {
    /// The upper 53 bits as a fraction: a number from 0 up to, but not including, 1.
    package var unitFraction: Double { Double(self >> 11) * 0x1p-53 }
}
