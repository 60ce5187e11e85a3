import Core
import NIOCore
import Telemetry

/// The time that retention goes by.
///
/// A wall clock that is months ahead for a minute would make everything too old, and what is removed does not come back with
/// the right time. A clock that has leapt forward is therefore not believed until it has held for a while. Until then time
/// goes on from before the leap. Time in which the gateway did not run is a leap as well: nobody can tell it from a clock that
/// starts wrong.
///
/// Thread-safe.
final class ClockTrust: Sendable {
    /// A leap that is not believed yet.
    struct Leap: Equatable {
        let size: Duration
        let heldBackUntil: NIODeadline
    }

    /// Clocks are corrected by less than this every day.
    static let tolerance = Duration.seconds(600)

    private struct State {
        /// Wall clock and monotonic clock when the wall clock was believed last.
        var wall: Timestamp
        var steady: NIODeadline
        var leap: Leap?
    }

    private let hold: Duration
    private let state: Lock<State>

    /// - Parameters:
    ///   - hold: Time for which a leap is not believed; `.zero` believes every clock.
    ///   - lastKnown: The latest instant of what is stored; nil when nothing is.
    init(hold: Duration, lastKnown: Timestamp?, wall: Timestamp, steady: NIODeadline) {
        self.hold = hold
        state = Lock(State(wall: lastKnown ?? wall, steady: steady))
        _ = believed(wall, steady: steady)
    }

    /// The leap that is not believed now, if there is one.
    var leap: Leap? { state.withLock { $0.leap } }

    /// The time to go by when the clocks show that.
    func believed(_ wall: Timestamp, steady: NIODeadline) -> Timestamp {
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
