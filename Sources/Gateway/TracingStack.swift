import CoreMetrics
import OTLP
import Realtime
import Services

/// Tracing, put together: who makes spans and where they go.
///
///     gateway's, devices' (demo) ──▶ OTLPTracer ──┬──▶ TraceRing ──▶ latency page
///     pages' ──▶ BrowserSpanService ──────────────┴──▶ export ──▶ collector
struct TracingStack: Sendable {
    let entry: EntryTracer
    let latency: LatencyService
    let ring: TraceRing
    let browserSpans: BrowserSpanService
    let hub: HubTracing
    private let processors: [any SpanProcessor]
    private let resource: Resource
    private let settings: OTLPConfiguration

    /// - Parameters:
    ///   - settings: What the `OTEL_*` variables say.
    ///   - exporter: Takes spans to a collector; `nil` when there is none.
    init(
        _ configuration: TracingConfiguration, settings: OTLPConfiguration, exporter: (any SpanProcessor)?,
        factory: any MetricsFactory
    ) {
        let ring = TraceRing(capacity: configuration.keptTraces)
        let processors: [any SpanProcessor] = [ring] + (exporter.map { [$0] } ?? [])
        let tracer = OTLPTracer(
            resource: settings.resource, sampler: settings.sampler, processors: processors,
            propagator: settings.propagator, limits: settings.spanLimits)
        var slow = configuration.latency
        if settings.isDisabled { slow.slowPerSecond = 0 }
        let latency = LatencyService(tracer: tracer, configuration: slow, factory: factory)
        self.ring = ring
        self.latency = latency
        self.processors = processors
        self.settings = settings
        resource = settings.resource
        entry = EntryTracer(
            tracer: tracer, sampler: settings.sampler, tracesPerSecond: configuration.tracesPerSecond,
            continuesTraces: settings.propagator != nil)
        hub = HubTracing(
            tracer: tracer, observer: latency, sendsPerMessage: configuration.sendsPerMessage,
            sendsPerSecond: configuration.sendsPerSecond, namesTraces: settings.propagator != nil)
        browserSpans = BrowserSpanService(
            resource: settings.resource.with(serviceName: "windsock-browser"), processors: processors, ring: ring,
            latency: latency, factory: factory)
    }

    /// A tracer for devices that run in the gateway's process: their spans go where the gateway's go.
    var deviceTracer: OTLPTracer {
        OTLPTracer(
            resource: resource.with(serviceName: "windsock-device"), sampler: settings.sampler,
            processors: processors, propagator: settings.propagator, limits: settings.spanLimits)
    }
}
