package import Logging
package import Observability
package import Telemetry

/// Everything that is exported, put together from the configuration.
///
///     OTLPTracer ─▶ spans: BatchSpanProcessor ─▶ BatchExporter ─▶ OTLPHTTPExporter ─▶ /v1/traces
///     OTLPLogHandler ─▶ logs: BatchLogProcessor ─▶ BatchExporter ─▶ OTLPHTTPExporter ─▶ /v1/logs
///     MetricsRegistry ─▶ PeriodicMetricsReader ─▶ BatchExporter ─▶ OTLPHTTPExporter ─▶ /v1/metrics
///
/// A signal that is not exported has no part. The owner calls ``run()`` once, and ``shutdown(within:)`` when those
/// who make telemetry have stopped.
package final class OTLPPipeline: Sendable {
    /// For tracers; `nil` when spans are not exported.
    package let spans: BatchSpanProcessor?
    /// For ``OTLPLogHandler``; `nil` when logs are not exported.
    package let logs: BatchLogProcessor?
    private let metrics: PeriodicMetricsReader?

    /// Opens no connection: the first request does.
    ///
    /// - Parameters:
    ///   - registry: what is exported as metrics, and where the figures about exports are kept: `otlp.exported`,
    ///     `otlp.dropped` (by `reason`), `otlp.retries` and `otlp.queue.size`, each by `signal`.
    ///   - logger: for what goes wrong; its label shall begin with ``OTLPLogHandler/ownLabel``.
    /// - Throws: when a file for TLS cannot be used.
    package init(
        _ configuration: OTLPConfiguration, registry: MetricsRegistry, logger: Logger,
        clock: any WallClock = SystemWallClock()
    ) throws(OTLPExporterError) {
        let resource = configuration.resource
        func exporter<Item>(
            _ signal: OTLPSignal, _ endpoint: OTLPEndpoint, _ batches: BatchConfiguration,
            weight: @escaping @Sendable (Item) -> Int = { _ in 1 },
            encode: @escaping @Sendable (OTLPEncoder, [Item]) throws -> [UInt8]
        ) throws(OTLPExporterError) -> BatchExporter<Item> {
            let encoder = OTLPEncoder(endpoint.protocol, maxAttributeLength: configuration.maxAttributeLength)
            let exporter = BatchExporter<Item>(
                batches, sender: try OTLPHTTPExporter(endpoint, signal: signal, clock: clock),
                timeout: endpoint.timeout, metrics: ExportMetrics(signal, factory: registry),
                log: ExportLog(logger, signal: signal), weight: weight, encode: { try encode(encoder, $0) })
            registry.observe(
                "otlp.queue.size", help: "Telemetry that waits to be exported.",
                labels: [("signal", signal.rawValue)]
            ) { [weak exporter] in exporter.map { Double($0.queueCount) } }
            return exporter
        }
        registry.describe("otlp.exported", "Spans, data points and log records that a collector took.")
        registry.describe("otlp.dropped", "Spans, data points and log records that no collector took.")
        registry.describe("otlp.retries", "Requests sent again because the collector was not available.")
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

    /// Exports until ``shutdown(within:)`` and what it allows are over, or until its task is cancelled, which gives up
    /// what is left. Without anything to export it waits for the same.
    package func run() async {
        await withDiscardingTaskGroup { group in
            if let spans { group.addTask { await spans.exporter.run() } }
            if let logs { group.addTask { await logs.exporter.run() } }
            if let metrics { group.addTask { await metrics.run() } }
            group.addTask { await self.stopped.wait(until: nil) }
        }
    }

    /// Exports what is there now.
    ///
    /// - Returns: Whether that was done within `duration`: by then everything was taken, refused or given up.
    package func forceFlush(within duration: Duration = .seconds(30)) async -> Bool {
        async let spans = spans?.exporter.forceFlush(within: duration)
        async let logs = logs?.exporter.forceFlush(within: duration)
        async let metrics = metrics?.forceFlush(within: duration)
        return await [spans, logs, metrics].allSatisfy { $0 ?? true }
    }

    /// Takes no more telemetry. ``run()`` sends what is left, for `duration` at most, and returns. Any thread, never
    /// blocks.
    package func shutdown(within duration: Duration = .seconds(5)) {
        spans?.exporter.shutdown(within: duration)
        logs?.exporter.shutdown(within: duration)
        metrics?.shutdown(within: duration)
        stopped.wake()
    }

    private let stopped = Wakeup()
}
