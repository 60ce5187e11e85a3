/// How long to wait before a request is sent again: exponential with jitter, capped.
///
/// Half of the wait is certain and half random, so that a collector that comes back is neither hammered nor met by
/// everybody at once. A value type without clock or randomness of its own.
package struct RetryBackoff: Sendable {
    package struct Configuration: Sendable, Equatable {
        /// The longest first wait; it doubles with every failure.
        package var base: Duration
        /// The longest wait of all.
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

    /// The wait before the next attempt.
    ///
    /// - Parameter random: any 64 bits.
    package mutating func next(random: UInt64) -> Duration {
        let wait = ceiling / 2 + ceiling / 2 * (Double(random >> 11) * 0x1p-53)
        ceiling = min(ceiling * 2, configuration.cap)
        return wait
    }

    /// Back to the beginning, after a success.
    package mutating func reset() {
        ceiling = configuration.base
    }
}
