package import Core
package import Tracing

/// The tracer, observer and limits for the hub's spans, shared by all shards.
package struct HubTracing: Sendable {
    let tracer: any Tracer
    let observer: (any DeliveryObserver)?
    let sendsPerMessage: Int
    /// True when frames name the span they come from.
    let namesTraces: Bool
    private let sends: TraceBudget

    /// - Parameters:
    ///   - sendsPerMessage: The maximum number of recipients of one message whose deliveries become spans, so that a
    ///     room of
    ///     10,000 does not create 10,000.
    ///   - sendsPerSecond: The maximum number of such deliveries per second, across all messages.
    ///   - namesTraces: False keeps traces inside the gateway: no frame names one.
    package init(
        tracer: any Tracer, observer: (any DeliveryObserver)? = nil, sendsPerMessage: Int = 4,
        sendsPerSecond: Int = 200,
        namesTraces: Bool = true
    ) {
        self.namesTraces = namesTraces
        self.tracer = tracer
        self.observer = observer
        self.sendsPerMessage = sendsPerMessage
        self.sends = TraceBudget(perSecond: sendsPerSecond)
    }

    func takeSend(at now: Timestamp) -> Bool { sends.take(at: now) }
}

/// A token bucket that limits traced events per second, so that tracing stays cheap. Holds one second's worth of
/// tokens. Thread-safe.
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

    /// Takes `count` tokens if that many are left, otherwise none.
    package func take(_ count: Int = 1, at now: Timestamp) -> Bool {
        state.withLock { state in
            if let filledAt = state.filledAt {
                // A clock that was set back adds no tokens; counting continues from the new time.
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
