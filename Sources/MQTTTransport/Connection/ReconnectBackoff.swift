import Core

/// Exponential back-off with full jitter and a cap, for reconnecting. It resets after a connection that was stable.
///
/// Full jitter (a random wait between zero and the current ceiling) spreads the reconnects of many clients that lost
/// the same broker. A value type; the caller supplies the time and the randomness.
package struct ReconnectBackoff: Sendable {
    package struct Configuration: Sendable, Hashable {
        /// The ceiling of the first wait. It doubles with every failure.
        package var base: Duration
        /// The maximum ceiling.
        package var cap: Duration
        /// The time after which a connection counts as stable and resets the back-off.
        package var stableAfter: Duration

        package init(
            base: Duration = .milliseconds(250), cap: Duration = .seconds(30), stableAfter: Duration = .seconds(10)
        ) {
            self.base = base
            self.cap = cap
            self.stableAfter = stableAfter
        }

        func validate() throws(MQTTError) {
            guard base > .zero, cap >= base, stableAfter >= .zero else {
                throw .invalidConfiguration(
                    "The back-off has a base of \(base), a cap of \(cap) and a reset after \(stableAfter); allowed: a "
                        + "base above 0 s, a cap of at least the base, a reset after 0 s or more.")
            }
        }
    }

    private let configuration: Configuration
    /// The number of consecutive failed attempts or short-lived connections.
    package private(set) var failures = 0

    package init(configuration: Configuration) {
        self.configuration = configuration
    }

    /// Returns the wait before the next attempt.
    ///
    /// - Parameters:
    ///   - held: the time for which the connection was up; `nil` if it was never established.
    ///   - isPermanent: true when a retry cannot succeed until something is changed. The ceiling is then the cap.
    package mutating func next(
        held: Duration?, isPermanent: Bool = false, random: inout any RandomNumberGenerator & Sendable
    ) -> Duration {
        if let held, held >= configuration.stableAfter { failures = 0 }
        failures += 1
        let backoff = ExponentialBackoff(
            base: isPermanent ? configuration.cap : configuration.base, cap: configuration.cap)
        return backoff.wait(afterFailures: failures, random: random.next())
    }
}
