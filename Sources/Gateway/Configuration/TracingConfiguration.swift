package import Services

/// Which readings are traced, and within which budgets.
package struct TracingConfiguration: Sendable {
    /// Sampled traces that the gateway takes part in, a second: those that devices and clients sampled included.
    package var tracesPerSecond: Int
    /// Deliveries of one message that become spans.
    package var sendsPerMessage: Int
    /// Deliveries of all messages that become spans, a second.
    package var sendsPerSecond: Int
    /// The newest traces that the latency page can show.
    package var keptTraces: Int
    /// What is traced although it was not sampled, because it was slow.
    package var latency: LatencyService.Configuration
}
