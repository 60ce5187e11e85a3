import Telemetry

/// Exports the spans that ended, in batches. Part of an ``OTLPPipeline``, which runs it.
///
/// Source: OpenTelemetry specification, "Tracing SDK", Batching processor.
package struct BatchSpanProcessor: SpanProcessor {
    let exporter: BatchExporter<SpanData>

    /// Takes a span in some tens of nanoseconds and sends it later; counts it as dropped when the queue is full.
    package func onEnd(_ span: SpanData) {
        guard span.context.isSampled else { return }
        exporter.offer(span)
    }
}
