package import Core
package import Tracing

/// The export configuration: the signals to export, their endpoints, and the resource that identifies the service.
///
/// It deviates from the specification in one point: nothing is exported without an endpoint or an `OTEL_*_EXPORTER`
/// variable that requests it. A gateway without configuration does not look for a collector on its own machine.
package struct OTLPConfiguration: Sendable {
    /// True when nothing is recorded at all (`OTEL_SDK_DISABLED`).
    package var isDisabled: Bool
    package var resource: Resource
    package var sampler: Sampler
    /// The propagator; `nil` when trace contexts must not leave the process.
    package var propagator: W3CPropagator?
    package var spanLimits: SpanData.Limits
    /// The maximum length of a text attribute, in characters; `nil` for no limit.
    package var maxAttributeLength: Int?

    /// The endpoint for spans; `nil` when they are not exported. The same applies to metrics and logs.
    package var traces: OTLPEndpoint?
    package var metrics: OTLPEndpoint?
    package var logs: OTLPEndpoint?

    package var spanBatches: BatchConfiguration
    package var logBatches: BatchConfiguration
    /// The interval between two exports of all metrics.
    package var metricInterval: Duration
    /// The time limit for one metrics export, including retries.
    package var metricTimeout: Duration

    /// Creates a configuration that exports nothing.
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
}

/// The queueing, batching and retry settings for one signal.
///
/// Source: OpenTelemetry specification, "Tracing SDK", Batching processor; "Logs SDK", Batching processor.
package struct BatchConfiguration: Sendable, Equatable {
    /// The maximum number of queued items, not counting the batch in flight. Further items are dropped.
    package var maxQueueSize: Int
    /// The maximum number of items in a request. A batch of this size is sent at once.
    package var maxBatchSize: Int
    /// The maximum time that an item waits for its batch to fill.
    package var scheduleDelay: Duration
    /// The time limit for one request if it is shorter than the endpoint's timeout.
    package var exportTimeout: Duration
    /// The time limit for retrying a batch, counted from its first failure. After that the batch is dropped.
    package var retention: Duration
    package var backoff: ExponentialBackoff

    package init(
        maxQueueSize: Int = 2048,
        maxBatchSize: Int = 512,
        scheduleDelay: Duration = .seconds(5),
        exportTimeout: Duration = .seconds(30),
        retention: Duration = .seconds(300),
        backoff: ExponentialBackoff = .init(base: .seconds(1), cap: .seconds(15), fixedPart: 0.5)
    ) {
        self.maxQueueSize = max(maxQueueSize, 1)
        self.maxBatchSize = min(max(maxBatchSize, 1), self.maxQueueSize)
        self.scheduleDelay = scheduleDelay
        self.exportTimeout = exportTimeout
        self.retention = retention
        self.backoff = backoff
    }
}
