package import Core
package import Logging
package import Observability

/// The export pipeline for all configured signals.
///
///     OTLPTracer ─▶ spans: BatchSpanProcessor ─▶ BatchExporter ─▶ OTLPHTTPExporter ─▶ /v1/traces
///     OTLPLogHandler ─▶ logs: BatchLogProcessor ─▶ BatchExporter ─▶ OTLPHTTPExporter ─▶ /v1/logs
///     MetricsRegistry ─▶ PeriodicMetricsReader ─▶ BatchExporter ─▶ OTLPHTTPExporter ─▶ /v1/metrics
///
/// A signal that is not exported has none of these objects. The owner calls ``run()`` once, and ``shutdown(within:)``
/// after everything that produces telemetry has stopped.
package final class OTLPPipeline: Sendable {
    /// The processor to pass to tracers; `nil` when spans are not exported.
    package let spans: BatchSpanProcessor?
    /// The processor to pass to ``OTLPLogHandler``; `nil` when logs are not exported.
    package let logs: BatchLogProcessor?
    private let metrics: PeriodicMetricsReader?
    private let stopped = Wakeup()

    /// Creates a pipeline without opening a connection. Each signal opens its connection with its first request.
    ///
    /// - Parameters:
    ///   - registry: the metrics to export. It also receives the metrics of the export itself: `otlp.exported`,
    ///     `otlp.dropped` (by `reason`), `otlp.retries` and `otlp.queue.size`, each by `signal`.
    ///   - logger: logs export failures. Its label must start with ``OTLPLogHandler/ownLabel``.
    /// - Throws: ``OTLPError`` when a TLS file cannot be used.
    package init(
        _ configuration: OTLPConfiguration, registry: MetricsRegistry, logger: Logger,
        clock: any WallClock = SystemWallClock()
    ) throws(OTLPError) {
        let resource = configuration.resource
        func exporter<Item>(
            _ signal: OTLPSignal, _ endpoint: OTLPEndpoint, _ batches: BatchConfiguration,
            weight: @escaping @Sendable (Item) -> Int = { _ in 1 },
            encode: @escaping @Sendable (OTLPEncoder, [Item]) throws -> [UInt8]
        ) throws(OTLPError) -> BatchExporter<Item> {
            let encoder = OTLPEncoder(endpoint.protocol, maxAttributeLength: configuration.maxAttributeLength)
            let exporter = BatchExporter<Item>(
                batches, sender: try OTLPHTTPExporter(endpoint, signal: signal, clock: clock),
                timeout: endpoint.timeout, metrics: ExportMetrics(signal, factory: registry),
                log: ExportLog(logger, signal: signal), weight: weight, encode: { try encode(encoder, $0) })
            registry.observe(
                "otlp.queue.size", help: "Telemetry items queued for export.",
                labels: [("signal", signal.rawValue)]
            ) { [weak exporter] in exporter.map { Double($0.queueCount) } }
            return exporter
        }
        registry.describe("otlp.exported", "Spans, data points and log records accepted by the collector.")
        registry.describe("otlp.dropped", "Spans, data points and log records that were dropped or rejected.")
        registry.describe("otlp.retries", "Export requests retried because the collector was unavailable.")
        if let endpoint = configuration.traces {
            spans = BatchSpanProcessor(
                exporter: try exporter(.traces, endpoint, configuration.spanBatches) { try $0.spans($1) })
        } else {
            spans = nil
        }
        if let endpoint = configuration.logs {
            logs = BatchLogProcessor(
                exporter: try exporter(.logs, endpoint, configuration.logBatches) { try $0.logs($1, of: resource) },
                clock: clock)
        } else {
            logs = nil
        }
        if let endpoint = configuration.metrics {
            let interval = configuration.metricInterval
            let batches = PeriodicMetricsReader.batches(interval: interval, timeout: configuration.metricTimeout)
            metrics = PeriodicMetricsReader(
                registry, resource: resource, interval: interval, clock: clock,
                exporter: try exporter(.metrics, endpoint, batches, weight: \.pointCount) { encoder, snapshots in
                    guard let snapshot = snapshots.first else { return [] }
                    return try encoder.metrics(snapshot)
                })
        } else {
            metrics = nil
        }
    }

    /// Exports until ``shutdown(within:)`` is called and the queued items are sent or its time limit has passed. Also
    /// returns when the task is cancelled, and then drops the queued items. If no signal is exported, only waits for
    /// one of these events.
    package func run() async {
        await withDiscardingTaskGroup { group in
            if let spans { group.addTask { await spans.exporter.run() } }
            if let logs { group.addTask { await logs.exporter.run() } }
            if let metrics { group.addTask { await metrics.run() } }
            group.addTask { await self.stopped.wait(until: nil) }
        }
    }

    /// Exports everything that is queued now, and the current values of all metrics.
    ///
    /// - Returns: true if, within `duration`, the collector accepted or refused each item or the item was dropped.
    package func forceFlush(within duration: Duration = .seconds(30)) async -> Bool {
        async let spans = spans?.exporter.forceFlush(within: duration)
        async let logs = logs?.exporter.forceFlush(within: duration)
        async let metrics = metrics?.forceFlush(within: duration)
        return await [spans, logs, metrics].allSatisfy { $0 ?? true }
    }

    /// Stops accepting telemetry. ``run()`` spends up to `duration` on sending what is queued, and then returns. Can be
    /// called on any thread; never blocks.
    package func shutdown(within duration: Duration = .seconds(5)) {
        spans?.exporter.shutdown(within: duration)
        logs?.exporter.shutdown(within: duration)
        metrics?.shutdown(within: duration)
        stopped.wake()
    }
}
