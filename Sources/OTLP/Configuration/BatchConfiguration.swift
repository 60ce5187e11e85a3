/// How spans and log records are gathered before they are sent.
///
/// Source: OpenTelemetry specification, "Tracing SDK", Batching processor; "Logs SDK", Batching processor.
package struct BatchConfiguration: Sendable, Equatable {
    /// The most items that wait, beside the batch that is being sent; further ones are dropped.
    package var maxQueueSize: Int
    /// The most items in one request; as many are sent at once.
    package var maxBatchSize: Int
    /// How long an item waits for others.
    package var scheduleDelay: Duration
    /// How long one request may take when that is less than the endpoint's timeout, and how long a flush may.
    package var exportTimeout: Duration
    /// How long a batch is tried again, from its first failure, before it is given up.
    package var retention: Duration
    package var backoff: RetryBackoff.Configuration

    package init(
        maxQueueSize: Int = 2048,
        maxBatchSize: Int = 512,
        scheduleDelay: Duration = .seconds(5),
        exportTimeout: Duration = .seconds(30),
        retention: Duration = .seconds(300),
        backoff: RetryBackoff.Configuration = .init()
    ) {
        self.maxQueueSize = max(maxQueueSize, 1)
        self.maxBatchSize = min(max(maxBatchSize, 1), self.maxQueueSize)
        self.scheduleDelay = scheduleDelay
        self.exportTimeout = exportTimeout
        self.retention = retention
        self.backoff = backoff
    }
}
