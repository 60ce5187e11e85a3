import Core
import NIOCore

/// A guard against wall-clock leaps that supplies the time used by retention.
///
/// A wall clock that is months ahead for one minute would expire all history, and removed rows do not come back when
/// the clock is corrected. So a forward leap is not trusted until it has persisted for `hold`. Until then, the trusted
/// time continues from before the leap. Downtime of the gateway counts as a leap too, because it cannot be
/// distinguished from a clock that was wrong at start-up.
///
/// Thread-safe.
final class ClockLeapGuard: Sendable {
    /// A forward leap that is not trusted yet.
    struct Leap: Equatable {
        let size: Duration
        let heldBackUntil: NIODeadline
    }

    /// The largest leap that is trusted at once. Ordinary clock corrections are smaller.
    static let tolerance = Duration.seconds(600)

    private struct State {
        /// Wall clock and monotonic clock at the last time that the wall clock was trusted.
        var wall: Timestamp
        var steady: NIODeadline
        var leap: Leap?
    }

    private let hold: Duration
    private let state: Lock<State>

    /// Creates a guard that first trusts the time `lastKnown`, or `wall` when that is `nil`.
    ///
    /// - Parameters:
    ///   - hold: Time that a leap must persist before it is trusted; `.zero` trusts every leap.
    ///   - lastKnown: The latest timestamp in the database; `nil` when the database is empty.
    ///   - wall: The current reading of the wall clock.
    ///   - steady: The current reading of the monotonic clock.
    init(hold: Duration, lastKnown: Timestamp?, wall: Timestamp, steady: NIODeadline) {
        self.hold = hold
        state = Lock(State(wall: lastKnown ?? wall, steady: steady))
        _ = trustedTime(wall, steady: steady)
    }

    /// The leap that is currently not trusted, if any.
    var leap: Leap? { state.withLock { $0.leap } }

    /// Returns the trusted time for the given readings of the wall clock and the monotonic clock.
    func trustedTime(_ wall: Timestamp, steady: NIODeadline) -> Timestamp {
        state.withLock { state in
            let expected = state.wall.advanced(by: .nanoseconds((steady - state.steady).nanoseconds))
            let ahead = wall.since(expected)
            if hold > .zero, ahead > Self.tolerance {
                guard let leap = state.leap, ahead - leap.size < Self.tolerance, leap.size - ahead < Self.tolerance
                else {
                    state.leap = Leap(size: ahead, heldBackUntil: steady + TimeAmount(hold))
                    return expected
                }
                if steady < leap.heldBackUntil { return expected }
            }
            state = State(wall: wall, steady: steady)
            return wall
        }
    }
}
