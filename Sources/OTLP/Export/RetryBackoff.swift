/// Exponential back-off with jitter and a cap, for repeating requests.
///
/// Half of each wait is fixed and half is random. A recovering collector is thus neither hammered by one client nor hit
/// by all at once. A value type; the caller supplies the randomness.
package struct RetryBackoff: Sendable {
    package struct Configuration: Sendable, Equatable {
        /// The maximum first wait. It doubles with every failure.
        package var base: Duration
        /// The maximum wait.
        package var cap: Duration

        package init(base: Duration = .seconds(1), cap: Duration = .seconds(15)) {
            self.base = base
            self.cap = max(base, cap)
        }
    }

    private let configuration: Configuration
    private var ceiling: Duration

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        ceiling = configuration.base
    }

    /// Returns the wait before the next attempt.
    ///
    /// - Parameter random: 64 random bits.
    package mutating func next(random: UInt64) -> Duration {
        let wait = ceiling / 2 + ceiling / 2 * (Double(random >> 11) * 0x1p-53)
        ceiling = min(ceiling * 2, configuration.cap)
        return wait
    }

    /// Resets the back-off after a success.
    package mutating func reset() {
        ceiling = configuration.base
    }
}
