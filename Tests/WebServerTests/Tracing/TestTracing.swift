import Core
import CoreMetrics
import OTLP
import Realtime
import Services
import TestSupport

/// Tracing setup of a live server under test. It records all ended spans.
struct TestTracing {
    let ring = TraceRing()
    let spans = SpanLog()
    let entry: EntryTracer
    let latency: LatencyService
    let hub: HubTracing
    let browserSpans: BrowserSpanService

    init(sampler: Sampler = Sampler(root: .alwaysOff), latency configuration: LatencyService.Configuration = .init()) {
        let processors: [any SpanProcessor] = [ring, spans]
        let resource = Resource(serviceName: "windsock-gateway")
        let tracer = OTLPTracer(resource: resource, sampler: sampler, processors: processors)
        entry = EntryTracer(tracer: tracer, sampler: sampler)
        latency = LatencyService(
            tracer: tracer, configuration: configuration, factory: NOOPMetricsHandler.instance)
        hub = HubTracing(tracer: tracer, observer: latency)
        browserSpans = BrowserSpanService(
            resource: resource.with(serviceName: "windsock-browser"), processors: processors, ring: ring,
            latency: latency, factory: NOOPMetricsHandler.instance)
    }
}
