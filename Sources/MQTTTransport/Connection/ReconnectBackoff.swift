/// How long to wait before the next attempt to connect: exponential with full jitter, capped, and back at the
/// beginning after a connection that held for a while.
///
/// Full jitter (anything from zero to the current ceiling) spreads a thousand clients that lost the same broker.
/// A value type without clock or randomness of its own.
package struct ReconnectBackoff: Sendable {
    package struct Configuration: Sendable, Hashable {
        /// The ceiling of the first wait; it doubles with every failure.
        package var base: Duration
        /// The highest ceiling.
        package var cap: Duration
        /// A connection that held this long starts the series anew.
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
                throw .invalidConfiguration("The back-off must begin above 0 s and its cap may not be lower.")
            }
        }
    }

    private let configuration: Configuration
    /// Attempts that failed, or connections that did not hold, in a row.
    package private(set) var failures = 0

    package init(configuration: Configuration) {
        self.configuration = configuration
    }

    /// The wait before the next attempt.
    ///
    /// - Parameters:
    ///   - held: How long the connection was up, `nil` when it never was.
    ///   - isPermanent: Whether somebody must change something first, so that there is no hurry: the cap applies.
    package mutating func next(
        held: Duration?, isPermanent: Bool = false, random: inout any RandomNumberGenerator & Sendable
    ) -> Duration {
        if let held, held >= configuration.stableAfter { failures = 0 }
        failures += 1
        if isPermanent { return configuration.cap * Self.fraction(of: random.next()) }
        var ceiling = configuration.base
        for _ in 1..<failures where ceiling < configuration.cap { ceiling *= 2 }
        ceiling = min(ceiling, configuration.cap)
        return ceiling * Self.fraction(of: random.next())
    }

    /// 53 random bits as a number from 0 up to, but not including, 1.
    private static func fraction(of bits: UInt64) -> Double {
        Double(bits >> 11) * 0x1p-53
    }
}
