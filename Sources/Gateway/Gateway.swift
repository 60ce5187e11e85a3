import Core
import CoreMetrics
import Foundation
package import Logging
package import MQTTTransport
import NIOCore
import NIOPosix
package import OTLP
import Observability
import Realtime
import ServiceLifecycle
import Services
import Telemetry
package import Tracing
import WebServer
import YAML

/// The composition root: builds the gateway's components, wires them together and runs them.
///
///     MQTTClient ──▶ IngestPipeline ──▶ DataStreamService ──▶ Hub ──▶ WebServer ──▶ browsers
///                                                              ▲          ▲
///                  Database ◀── DatabaseWriter ◀── chat, notifications        │
///                                              DashboardCatalog, readiness, metrics
///
/// `run()` serves until a graceful shutdown. First ingest stops and accepted messages are acknowledged. Then clients
/// get their pending messages and are closed with 1001. Last, the database is closed.
package struct Gateway: Service {
    /// The address that the gateway listens on, known once it accepts connections.
    package struct Endpoint: Sendable {
        package let host: String
        package let port: Int
        package let isSecure: Bool

        /// The URL for a browser on this machine.
        package var url: String {
            let shown = host == "0.0.0.0" || host == "::" ? "127.0.0.1" : host
            return "\(isSecure ? "https" : "http")://\(shown.contains(":") ? "[\(shown)]" : shown):\(port)"
        }
    }

    private let configuration: GatewayConfiguration
    private let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    let hub: Hub
    let mqtt: MQTTService
    let server: WebServer
    private let maintenance: MaintenanceService
    let stack: ServiceStack
    let tracing: TracingStack
    private let export: OTLPPipeline
    private let files: FileReload
    private let authority: TokenAuthority
    /// The sampling of topics that no route takes; `nil` when it is off.
    let discovery: TopicDiscovery?
    private let certificate: TLSCertificate?

    /// Builds all components and opens the database, but does not yet listen or connect to the broker.
    ///
    /// - Parameters:
    ///   - sources: The sources of `configuration`, from which alert rules and routes are reloaded.
    ///   - spanProcessors: Destinations of spans besides the trace ring and the collector.
    ///   - onReady: Called once the gateway accepts connections.
    /// - Throws: ``ConfigurationError``, `MQTTError`, `OTLPError`, `StorageError`, `TokenKeyError`, `WebServerError`.
    package init(
        configuration: GatewayConfiguration,
        sources: GatewayConfiguration.Sources? = nil,
        logger: Logger,
        spanProcessors: [any SpanProcessor] = [],
        onReady: @escaping @Sendable (Endpoint) async -> Void = { _ in }
    ) async throws {
        try configuration.requireTokenKeys()
        try configuration.requireDashboards()
        let dashboardStamps = FileReload.Stamps(
            paths: YAMLDocument.files(in: configuration.dashboardsDirectory) ?? [])
        let dashboards = try CurrentDashboards(directory: configuration.dashboardsDirectory)
        let registry = MetricsRegistry { name, _ in
            logger.warning(
                "A metric series was dropped because the series limit was reached", metadata: ["metric": "\(name)"])
        }
        ProcessMetrics.register(in: registry)
        let export = try OTLPPipeline(
            configuration.otlp, registry: registry, logger: logger.labelled(OTLPLogHandler.ownLabel))
        let logger = logger.exporting(to: export.logs)
        let tracing = TracingStack(
            configuration.tracing, settings: configuration.otlp,
            destinations: [export.spans].compactMap { $0 } + spanProcessors, factory: registry)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        let hub = Hub(
            loops: try await LoopWakeup.loops(of: group), encoder: EnvelopeEncoder(), configuration: configuration.hub,
            metrics: HubMetrics(factory: registry), tracing: tracing.hub)
        let stream = DataStreamService(
            hub: hub, configuration: configuration.stream, tracer: tracing.entry.tracer)
        let stack = try ServiceStack(
            configuration, hub: hub, stream: stream, entry: tracing.entry, factory: registry, logger: logger)
        let (listening, listens) = AsyncStream.makeStream(of: Never.self)
        let mqtt = try Self.mqttService(
            configuration, stack: stack, tracing: tracing, registry: registry, listening: listening, logger: logger)
        let shares = try ShareStore(
            database: stack.database, writer: stack.writer, hub: hub, dashboards: { dashboards.current })
        let files = FileReload(
            configuration, sources: sources,
            targets: FileReload.Targets(
                dashboards: dashboards, alerts: stack.alerts, pipeline: mqtt.pipeline, client: mqtt.client,
                discovery: mqtt.reception.discovery, deadLetters: stack.services.deadLetters, shares: shares,
                entities: mqtt.entities),
            dashboardStamps: dashboardStamps, logger: logger)
        let sockets = WebSocketMetrics(factory: registry)
        let authenticator = Authenticator(
            authority: try await TokenAuthority(configuration.tokens, logger: logger), tickets: TicketStore(),
            shares: shares)
        var server = configuration.server
        try Self.bound(&server.limits, logger: logger)
        let environment = ConnectionEnvironment(
            hub: hub,
            services: stack.services,
            authority: authenticator.authority,
            limits: server.limits,
            heartbeat: configuration.server.heartbeat,
            queueBytes: configuration.hub.queue.maxBytes,
            metrics: sockets,
            logger: logger)
        GatewayMetrics.register(
            in: registry, client: mqtt.client, hub: hub, stream: stream, sockets: sockets, stack: stack)
        let host = configuration.server.host
        let certificate = try Self.certificate(configuration.server, logger: logger)
        self.configuration = configuration
        self.logger = logger
        self.group = group
        self.hub = hub
        self.mqtt = mqtt
        self.stack = stack
        self.tracing = tracing
        self.export = export
        self.files = files
        self.authority = authenticator.authority
        self.discovery = mqtt.reception.discovery
        self.certificate = certificate
        self.maintenance = MaintenanceService(
            stack: stack, configuration: configuration.history,
            isListening: { [client = mqtt.client] in client.state.isConnected }, logger: logger)
        self.server = WebServer(
            configuration: server,
            dependencies: WebServer.Dependencies(
                hub: hub,
                services: stack.services,
                authenticator: authenticator,
                environment: environment,
                latency: tracing.latency,
                traces: tracing.ring,
                browserSpans: tracing.browserSpans,
                certificate: certificate,
                readiness: { [mqtt, health = stack.writer.health, clockGuard = stack.clockGuard] in
                    Readiness(
                        checks: [
                            .mqtt(mqtt.client, mqtt.reception), .storage(health, clockGuard), .files(files),
                        ].compactMap(\.self))
                },
                metricsText: { PrometheusText.render(registry) },
                dashboards: { dashboards.current },
                topics: { [discovery = mqtt.reception.discovery] in discovery?.json() ?? TopicDiscovery.offJSON },
                broker: { configuration.brokerJSON(routes: files.routes) }),
            eventLoopGroup: group,
            logger: logger,
            onRunning: { port in
                listens.finish()
                await onReady(Endpoint(host: host, port: port, isSecure: certificate != nil))
            })
    }

    /// Reloads dashboards, alert rules, routes, the certificate and the keys of `jwt.jwks`. Where the new version has a
    /// mistake, the old one stays in use and the mistake is logged.
    package func reload() async {
        files.reload()
        certificate?.reload()
        await authority.reloadKeys()
    }

    /// The tracer for simulated devices in this process. Its spans go to the same destinations as the gateway's.
    package var deviceTracer: any Tracer { tracing.deviceTracer }

    /// The state of the connection to the broker.
    package var brokerState: MQTTConnectionState { mqtt.client.state }
    /// The broker's address, without a password.
    package var broker: String { "\(mqtt.client.configuration)" }

    package func run() async throws {
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                // Services stop in reverse order. The export stops last, so that it sends the telemetry of the
                // shutdown.
                services: [
                    .init(
                        service: ExportService(pipeline: export), successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: server, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: mqtt, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: maintenance, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: files, successTerminationBehavior: .ignore),
                ] + (discovery.map { [.init(service: $0, successTerminationBehavior: .ignore)] } ?? []),
                logger: Logger(label: "windsock.services") { _ in SwiftLogNoOpLogHandler() }))
        do {
            try await services.run()
        } catch {
            await close()
            throw error
        }
        await close()
    }

    private func close() async {
        hub.close()
        await stack.close()
        try? await group.shutdownGracefully()
    }

    private static func certificate(
        _ configuration: WebServerConfiguration, logger: Logger
    ) throws(ConfigurationError) -> TLSCertificate? {
        guard let files = configuration.tls else { return nil }
        do throws(WebServerError) {
            return try TLSCertificate(files, interval: configuration.tlsCheckInterval, logger: logger)
        } catch {
            throw ConfigurationError(origin: "tls.certificate_file", problem: "\(error)")
        }
    }

    /// Lowers the limits of connections to the file descriptors that are available for them. Broker, database and log
    /// need descriptors too.
    private static func bound(_ limits: inout ConnectionLimits, logger: Logger) throws {
        let files = OpenFileLimit.raise()
        let available = try files.connections()
        if limits.connections > available {
            logger.warning(
                "limits.connections exceeds the available file descriptors",
                metadata: ["connections": "\(limits.connections)", "available": "\(available)"])
        }
        limits.connections = limits.connections == 0 ? available : min(limits.connections, available)
        // One address may never hold more than half of all connections.
        if limits.addressConnections > 0 {
            limits.addressConnections = min(limits.addressConnections, max(1, limits.connections / 2))
        }
        logger.debug(
            "Connections are limited",
            metadata: ["connections": "\(limits.connections)", "open_files": "\(files.count)"])
    }

    private static func mqttService(
        _ configuration: GatewayConfiguration, stack: ServiceStack, tracing: TracingStack, registry: MetricsRegistry,
        listening: AsyncStream<Never>, logger: Logger
    ) throws -> MQTTService {
        var mqtt = configuration.mqtt
        if mqtt.clientID == GatewayConfiguration.unsetClientID {
            let store = ClientIDStore(directory: configuration.dataDirectory, ids: RandomIDGenerator())
            mqtt.clientID = try store.clientID()
        }
        let answers = DeferredPublisher()
        let metrics = IngestMetrics(factory: registry)
        let store = IngestStore(
            configuration: IngestStore.Configuration(
                clientID: mqtt.clientID, receiveMaximum: mqtt.receiveMaximum,
                maxDeadLetters: configuration.storage.maxDeadLetters),
            writer: stack.writer, database: stack.database, readings: stack.readings, alerts: stack.alerts,
            metrics: metrics, tracer: tracing.entry.tracer, logger: logger)
        let entities = configuration.entities.map {
            EntityDiscovery($0, base: configuration.entityBase, logger: logger)
        }
        let pipeline = IngestPipeline(
            decoder: TelemetryDecoder(
                routes: configuration.routes, statusRoutes: configuration.statusRoutes,
                limits: configuration.decodingLimits,
                discovered: configuration.entities.map { entities in
                    DiscoveredTopics(
                        room: entities.room, routes: configuration.routes, statusRoutes: configuration.statusRoutes)
                }),
            store: store,
            stream: stack.services.stream,
            entry: tracing.entry,
            latency: tracing.latency,
            clocks: ClockOffsetEstimator(capacity: configuration.stream.maxDevices),
            clockService: ClockService(factory: registry) { answers.publish($0) },
            entities: entities,
            lastMessages: stack.services.lastMessages,
            ignoredFields: stack.services.ignoredFields,
            metrics: metrics,
            logger: logger)
        let loop = MQTTLoop(isUrgent: true)
        let client = try MQTTClient(configuration: mqtt, handler: pipeline, loop: loop, logger: logger)
        answers.begin(with: client)
        let discovery = try Self.discovery(configuration, besides: client, logger: logger)
        return MQTTService(
            client: client, loop: loop, pipeline: pipeline,
            reception: ReceptionWatch(client: client, discovery: discovery, logger: logger), entities: entities,
            listening: listening, logger: logger)
    }

    private static func discovery(
        _ configuration: GatewayConfiguration, besides ingest: MQTTClient, logger: Logger
    ) throws -> TopicDiscovery? {
        guard configuration.isDiscovering, let filter = configuration.discovery?.filter else { return nil }
        // A client id has at most 256 bytes.
        let name = String(decoding: ingest.configuration.clientID.utf8.prefix(200), as: UTF8.self)
        return try TopicDiscovery(configuration, filter: filter, clientID: "\(name)-discovery", logger: logger) {
            ingest.state.isConnected
        }
    }
}
