import Core
package import Telemetry

/// How many traced things may happen a second: tracing must never cost more than it shows. Thread-safe.
///
/// A token bucket that holds one second's worth.
package final class TraceBudget: Sendable {
    private struct State {
        var tokens: Double
        var filledAt: Timestamp?
    }

    private let perSecond: Double
    private let state: Lock<State>

    /// - Parameter perSecond: 0 allows nothing.
    package init(perSecond: Int) {
        self.perSecond = Double(max(0, perSecond))
        state = Lock(State(tokens: self.perSecond))
    }

    /// Takes as many as that, if they are left; otherwise none.
    package func take(_ count: Int = 1, at now: Timestamp) -> Bool {
        state.withLock { state in
            if let filledAt = state.filledAt {
                // A clock that was set back fills nothing, and goes on from there.
                let nanoseconds = max(0, now.nanosecondsSinceEpoch - filledAt.nanosecondsSinceEpoch)
                state.tokens = min(perSecond, state.tokens + Double(nanoseconds) / 1e9 * perSecond)
            }
            state.filledAt = now
            guard state.tokens >= Double(count) else { return false }
            state.tokens -= Double(count)
            return true
        }
    }
}
