import Core
import Observability

/// A reader that exports all metrics of a registry at a fixed interval, and once more at shutdown.
///
/// Values are cumulative, so the next snapshot makes up for a lost one. While one snapshot is being retried, at most
/// one more is queued.
///
/// Source: OpenTelemetry specification, "Metrics SDK", Periodic exporting MetricReader.
final class PeriodicMetricsReader: Sendable {
    let exporter: BatchExporter<MetricsSnapshot>
    private let registry: MetricsRegistry
    private let resource: Resource
    private let clock: any WallClock
    private let interval: Duration
    private let start: Timestamp

    init(
        _ registry: MetricsRegistry, resource: Resource, interval: Duration, clock: any WallClock,
        exporter: BatchExporter<MetricsSnapshot>
    ) {
        self.registry = registry
        self.resource = resource
        self.interval = interval
        self.clock = clock
        self.exporter = exporter
        start = clock.now()
    }

    /// The batch configuration of the reader's exporter: one snapshot per request, and one in the queue.
    static func batches(interval: Duration, timeout: Duration) -> BatchConfiguration {
        BatchConfiguration(
            maxQueueSize: 1, maxBatchSize: 1, scheduleDelay: .zero, exportTimeout: timeout,
            retention: min(interval, timeout))
    }

    /// Exports until ``shutdown(within:)`` is called and the last snapshot is sent or its time limit has passed. Also
    /// returns when the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while (try? await Task.sleep(for: self.interval)) != nil { self.collect() }
            }
            await exporter.run()
            group.cancelAll()
        }
    }

    func forceFlush(within duration: Duration) async -> Bool {
        collect()
        return await exporter.forceFlush(within: duration)
    }

    func shutdown(within duration: Duration) {
        collect()
        exporter.shutdown(within: duration)
    }

    private func collect() {
        exporter.offer(
            MetricsSnapshot(resource: resource, start: start, time: clock.now(), families: registry.snapshot()))
    }
}

/// All metrics at one point in time.
struct MetricsSnapshot: Sendable {
    let resource: Resource
    let start: Timestamp
    let time: Timestamp
    let families: [MetricFamily]

    /// The number of data points: one per series.
    var pointCount: Int { families.reduce(0) { $0 + $1.samples.count } }
}
