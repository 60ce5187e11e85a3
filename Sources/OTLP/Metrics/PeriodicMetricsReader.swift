import Observability
import Telemetry

/// Exports all metrics of a registry at an interval, and a last time at the end.
///
/// Values are cumulative, so that a snapshot that never arrives is made good by the next. One waits at most while
/// another is tried again.
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

    /// What its exporter needs: a snapshot a request, one that waits.
    static func batches(interval: Duration, timeout: Duration) -> BatchConfiguration {
        BatchConfiguration(
            maxQueueSize: 1, maxBatchSize: 1, scheduleDelay: .zero, exportTimeout: timeout,
            retention: min(interval, timeout))
    }

    /// Until ``shutdown(within:)`` and the last export, or until its task is cancelled.
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
