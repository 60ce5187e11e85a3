import Foundation

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

/// A parser of the `Retry-After` header, which contains a number of seconds or a date.
///
/// Source: RFC 9110, sections 10.2.3 and 5.6.7 (the three date formats).
package enum RetryAfter {
    /// The maximum wait that is accepted. A longer one is assumed to be a mistake.
    package static let maximum = Duration.seconds(300)

    /// Returns the wait, from zero to `maximum`, or `nil` if `text` is neither a number nor a date. A date before `now`
    /// gives zero.
    package static func duration(_ text: String, now: Timestamp, atMost maximum: Duration = Self.maximum) -> Duration? {
        let text = text.trimmingCharacters(in: .whitespaces)
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return Int(text).map { min(.seconds($0), maximum) } ?? maximum
        }
        for format in ["EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy"] {
            let formatter = DateFormatter()
            formatter.locale = Locale(identifier: "en_US_POSIX")
            formatter.timeZone = TimeZone(secondsFromGMT: 0)
            formatter.dateFormat = format
            guard let date = formatter.date(from: text),
                let time = Timestamp(secondsSinceEpoch: date.timeIntervalSince1970)
            else { continue }
            return min(max(time.since(now), .zero), maximum)
        }
        return nil
    }
}

/// Runs `operation` and cancels it at `deadline`. Returns `nil` if it has not ended by then.
package func withTimeout<Success: Sendable>(
    at deadline: ContinuousClock.Instant, _ operation: @escaping @Sendable () async throws -> Success
) async throws -> Success? {
    try await withThrowingTaskGroup(of: Success?.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(until: deadline, clock: .continuous)
            return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
    }
}
