import Telemetry
package import Tracing

/// What the hub needs to make spans: shared by all shards.
package struct HubTracing: Sendable {
    let tracer: any Tracer
    let observer: (any DeliveryObserver)?
    let sendsPerMessage: Int
    /// Whether frames name the span that they come from.
    let namesTraces: Bool
    private let sends: TraceBudget

    /// - Parameters:
    ///   - sendsPerMessage: recipients of one message whose deliveries become spans, so that a room of 10,000 does
    ///     not make 10,000.
    ///   - sendsPerSecond: such recipients of all messages.
    ///   - namesTraces: false keeps traces inside the gateway: no frame names one.
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
