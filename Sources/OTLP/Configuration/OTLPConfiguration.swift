package import Tracing

/// What is exported, where to, and under whose name: the `OTEL_*` variables as values.
///
/// One deviation from the specification: without an endpoint, and without a `OTEL_*_EXPORTER` that asks for it,
/// nothing is exported. A gateway that nobody told of a collector does not look for one on its own machine.
package struct OTLPConfiguration: Sendable {
    /// Whether nothing is to be recorded at all (`OTEL_SDK_DISABLED`).
    package var isDisabled: Bool
    package var resource: Resource
    package var sampler: Sampler
    /// `nil` where contexts shall not leave the process.
    package var propagator: W3CPropagator?
    package var spanLimits: SpanData.Limits
    /// The longest text of an attribute, in characters; `nil` for any length.
    package var maxAttributeLength: Int?

    /// Where spans go; `nil` when they are not exported. The same for the other two.
    package var traces: OTLPEndpoint?
    package var metrics: OTLPEndpoint?
    package var logs: OTLPEndpoint?

    package var spanBatches: BatchConfiguration
    package var logBatches: BatchConfiguration
    /// The time between two exports of all metrics.
    package var metricInterval: Duration
    /// How long one of them may take, with all attempts.
    package var metricTimeout: Duration

    /// Exports nothing, under the name `serviceName`.
    package init(serviceName: String, attributes: SpanAttributes = [:]) {
        isDisabled = false
        resource = Resource(serviceName: serviceName, attributes: attributes)
        sampler = .parentBasedAlwaysOn
        propagator = W3CPropagator()
        spanLimits = SpanData.Limits()
        spanBatches = BatchConfiguration()
        logBatches = BatchConfiguration(scheduleDelay: .seconds(1))
        metricInterval = .seconds(60)
        metricTimeout = .seconds(30)
    }

    /// Whether any signal is exported.
    package var exportsAnything: Bool { traces != nil || metrics != nil || logs != nil }
}
