import CoreMetrics
import Logging
package import OTLP
import Realtime
import ServiceLifecycle
import Services

/// The tracing components, wired together: sources of spans and their destinations.
///
///     gateway, devices (demo) ──▶ OTLPTracer ──┬──▶ TraceRing ──▶ latency page
///     pages ──▶ BrowserSpanService ────────────┴──▶ export ──▶ collector
struct TracingStack: Sendable {
    let entry: EntryTracer
    let latency: LatencyService
    let ring: TraceRing
    let browserSpans: BrowserSpanService
    let hub: HubTracing
    private let processors: [any SpanProcessor]
    private let resource: Resource
    private let settings: OTLPConfiguration

    /// Builds the components.
    ///
    /// - Parameters:
    ///   - settings: The settings of the `OTEL_*` variables.
    ///   - destinations: Destinations of spans besides the trace ring, such as the export to a collector.
    init(
        _ configuration: TracingConfiguration, settings: OTLPConfiguration, destinations: [any SpanProcessor],
        factory: any MetricsFactory
    ) {
        let ring = TraceRing(capacity: configuration.keptTraces)
        let processors: [any SpanProcessor] = [ring] + destinations
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

    /// A new tracer for simulated devices in the gateway's process. It uses the gateway's span processors.
    var deviceTracer: OTLPTracer {
        OTLPTracer(
            resource: resource.with(serviceName: "windsock-device"), sampler: settings.sampler,
            processors: processors, propagator: settings.propagator, limits: settings.spanLimits)
    }
}

/// The service that exports telemetry to a collector.
///
/// `run()` returns after a graceful shutdown, when all pending telemetry is sent or after 2 s.
package struct ExportService: Service {
    private static let timeout = Duration.seconds(2)

    private let pipeline: OTLPPipeline

    package init(pipeline: OTLPPipeline) {
        self.pipeline = pipeline
    }

    package func run() async throws {
        await withGracefulShutdownHandler {
            await pipeline.run()
        } onGracefulShutdown: {
            pipeline.shutdown(within: Self.timeout)
        }
    }
}

extension Logger {
    /// Returns a logger with the same handler and level under another label.
    func labelled(_ label: String) -> Logger {
        var logger = Logger(label: label) { _ in handler }
        logger.logLevel = logLevel
        return logger
    }

    /// Returns a logger that also exports its records to a collector, or the logger itself when `processor` is `nil`.
    func exporting(to processor: BatchLogProcessor?) -> Logger {
        guard let processor else { return self }
        var logger = Logger(label: label) { label in
            MultiplexLogHandler([handler, OTLPLogHandler(label: label, processor: processor)])
        }
        logger.logLevel = logLevel
        return logger
    }
}
