import Logging
import Telemetry

/// Exports log records in batches. Part of an ``OTLPPipeline``, which runs it.
///
/// Source: OpenTelemetry specification, "Logs SDK", Batching processor.
package struct BatchLogProcessor: Sendable {
    let exporter: BatchExporter<LogRecord>
    let clock: any WallClock

    func add(
        level: Logger.Level, message: String, trace: TraceContext?, attributes: [String: LogRecord.Value],
        droppedAttributeCount: Int
    ) {
        exporter.offer(
            LogRecord(
                time: clock.now(), level: level, message: message, trace: trace, attributes: attributes,
                droppedAttributeCount: droppedAttributeCount))
    }
}
