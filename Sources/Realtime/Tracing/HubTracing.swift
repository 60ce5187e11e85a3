import Core
package import Tracing

/// The tracer, observer and limits for the hub's spans, shared by all shards.
package struct HubTracing: Sendable {
    let tracer: any Tracer
    let observer: (any DeliveryObserver)?
    let sendsPerMessage: Int
    /// True if frames name the span that they come from.
    let namesTraces: Bool
    private let sends: RateLimit

    /// Creates the hub's tracing.
    ///
    /// - Parameters:
    ///   - sendsPerMessage: The maximum number of recipients of one message whose deliveries become spans, so that a
    ///     message to 10,000 clients does not create 10,000 spans.
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
        self.sends = RateLimit(perSecond: sendsPerSecond)
    }

    func takeSend(at now: Timestamp) -> Bool { sends.take(at: now) }
}
