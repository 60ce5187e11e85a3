import Telemetry

/// Exports the spans that ended, in batches. Part of an ``OTLPPipeline``, which runs it.
///
/// Source: OpenTelemetry specification, "Tracing SDK", Batching processor.
package struct BatchSpanProcessor: SpanProcessor {
    let exporter: BatchExporter<SpanData>

    /// Puts a span in the queue, under a lock for as long as an append takes; counts it as dropped when that is full.
    package func onEnd(_ span: SpanData) {
        guard span.context.isSampled else { return }
        exporter.offer(span)
    }
}
