import Foundation
import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOPosix
package import Realtime
import ServiceLifecycle
package import Services

/// The gateway's server for HTTP and WebSocket, on one port.
///
/// `run()` returns when the server has shut down. On a graceful shutdown it stops accepting, sends every client its
/// queued messages and then close code 1001, and answers in-flight requests.
package struct WebServer: Service {
    /// The other components of the gateway that the server uses.
    package struct Dependencies: Sendable {
        package var hub: Hub
        package var services: HubServices
        package var authenticator: Authenticator
        package var environment: ConnectionEnvironment
        package var latency: LatencyService
        package var traces: TraceRing
        package var browserSpans: BrowserSpanService
        /// The certificate; `nil` disables TLS.
        package var certificate: TLSCertificate?
        package var readiness: @Sendable () -> Readiness
        package var metricsText: @Sendable () -> String
        /// A closure that returns the dashboards to serve.
        package var dashboards: @Sendable () -> ServedDashboards
        /// A closure that returns the JSON body of `GET /api/topics`.
        package var topics: @Sendable () -> [UInt8]
        /// A closure that returns the JSON body of `GET /api/broker`.
        package var broker: @Sendable () -> [UInt8]

        package init(
            hub: Hub,
            services: HubServices,
            authenticator: Authenticator,
            environment: ConnectionEnvironment,
            latency: LatencyService,
            traces: TraceRing,
            browserSpans: BrowserSpanService,
            certificate: TLSCertificate? = nil,
            readiness: @escaping @Sendable () -> Readiness,
            metricsText: @escaping @Sendable () -> String,
            dashboards: @escaping @Sendable () -> ServedDashboards,
            topics: @escaping @Sendable () -> [UInt8],
            broker: @escaping @Sendable () -> [UInt8]
        ) {
            self.hub = hub
            self.services = services
            self.authenticator = authenticator
            self.environment = environment
            self.latency = latency
            self.traces = traces
            self.browserSpans = browserSpans
            self.certificate = certificate
            self.readiness = readiness
            self.metricsText = metricsText
            self.dashboards = dashboards
            self.topics = topics
            self.broker = broker
        }
    }

    /// The subfolder of ``WebServerConfiguration/vendorDirectory`` with the chart library. No other subfolder is
    /// served.
    private static let chartLibrary = "chart.js"

    /// The length of the kernel's queue of connections that wait for `accept`. When it is full, the kernel drops
    /// connection attempts, and clients retry only after 1, 3, 7 and 15 s. Linux caps the length at
    /// `net.core.somaxconn`.
    private static let backlog = 4096
    /// The largest number of connections accepted in one iteration of the event loop. NIO's default of 4 would let the
    /// queue of ``backlog`` fill up in a flood.
    private static let maxAcceptsPerTurn: UInt = 16

    /// The errors of an address that is in use, not available on this machine, or not permitted.
    private static let addressErrors = [EADDRINUSE, EADDRNOTAVAIL, EACCES]

    private static let pollInterval = Duration.milliseconds(10)
    private static let closeMargin = TimeAmount.seconds(1)

    private let configuration: WebServerConfiguration
    let dependencies: Dependencies
    private let eventLoopGroup: any EventLoopGroup
    private let onRunning: @Sendable (_ port: Int) async -> Void
    private let logger: Logger

    /// Creates a server on the loops of `eventLoopGroup`, which must be those of the hub's shards.
    ///
    /// - Parameter onRunning: Called with the port once connections are accepted.
    package init(
        configuration: WebServerConfiguration,
        dependencies: Dependencies,
        eventLoopGroup: any EventLoopGroup,
        logger: Logger,
        onRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.dependencies = dependencies
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Runs the server until it has shut down.
    ///
    /// - Throws: ``WebServerError/addressUnavailable(_:)``, or any other error that ends the server.
    package func run() async throws {
        let origins = OriginPolicy(
            publicOrigin: configuration.publicOrigin, allowed: configuration.allowedOrigins)
        let authenticator = dependencies.authenticator
        let environment = dependencies.environment
        let certificate = dependencies.certificate
        let pacers = try await RequestPacers(on: eventLoopGroup.makeIterator())
        let application = Application(
            router: router(origins: origins),
            server: HTTPServerBuilder { responder in
                HTTP1WebSocketChannel(
                    responder: responder, authenticator: authenticator, origins: origins, environment: environment,
                    pacers: pacers, certificate: certificate)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: nil,
                backlog: Self.backlog),
            onServerRunning: { [onRunning] channel in
                try? await Self.guardAccepting(channel, environment.cap)
                await onRunning(channel.localAddress?.port ?? 0)
            },
            eventLoopGroupProvider: .shared(eventLoopGroup),
            logger: quiet(logger))
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let certificate { group.addTask { await certificate.watch() } }
                defer { group.cancelAll() }
                try await application.run()
            }
        } catch let error as IOError where Self.addressErrors.contains(error.errnoCode) {
            throw WebServerError.addressUnavailable(String(cString: strerror(error.errnoCode)))
        }
        await waitForConnections()
    }

    private static func guardAccepting(_ channel: any Channel, _ cap: ConnectionCap) async throws {
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(AcceptGuard(cap: cap), position: .first)
            try channel.syncOptions?.setOption(.maxMessagesPerRead, value: Self.maxAcceptsPerTurn)
        }.get()
    }

    /// Waits until the WebSocket connections have closed, for at most the drain and close timeouts plus 1 s.
    /// Hummingbird waits only for HTTP requests, because no task runs for a WebSocket. The connections still need their
    /// event loops for the close handshake.
    private func waitForConnections() async {
        let limits = configuration.limits
        let deadline = NIODeadline.now() + limits.drainTimeout + limits.closeTimeout + Self.closeMargin
        let metrics = dependencies.environment.metrics
        while metrics.activeConnections > 0, NIODeadline.now() < deadline {
            try? await Task.sleep(for: Self.pollInterval)
        }
        // The server finishes its bookkeeping for the last connection shortly after that connection has closed.
        try? await Task.sleep(for: Self.pollInterval * 5)
    }

    private func router(origins: OriginPolicy) -> Router<GatewayRequestContext> {
        let router = Router(context: GatewayRequestContext.self, options: .autoGenerateHeadEndpoints)
        let routes = RouteTable()
        router.add(middleware: SecurityHeaders(frameAncestors: configuration.frameAncestors))
        router.add(middleware: RequestLogMiddleware(logger: logger))
        router.add(middleware: CrossOriginMiddleware(origins: origins))
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: HTTPSemantics(routes: routes))
        if let webDirectory = configuration.webDirectory {
            let caching = CacheControl([(MediaType(type: .any), [.noCache])])
            router.add(
                middleware: FileMiddleware(
                    fileProvider: PageFiles(
                        folder: "\(configuration.vendorDirectory)/\(Self.chartLibrary)", logger: quiet(logger)),
                    urlBasePath: "/vendor/\(Self.chartLibrary)", cacheControl: caching))
            router.add(
                middleware: FileMiddleware(
                    fileProvider: PageFiles(folder: webDirectory, logger: quiet(logger)), cacheControl: caching,
                    searchForIndexHtml: true))
        }
        HealthRoutes(readiness: dependencies.readiness, metricsText: dependencies.metricsText).register(on: router)
        WebSocketRoute(metrics: dependencies.environment.metrics, logger: logger).register(on: router)
        let authentication = BearerAuthentication(authenticator: dependencies.authenticator)
        let limiter = RequestLimiter(
            quota: dependencies.environment.requests, metrics: dependencies.environment.metrics.edge)
        let api = router.group("api").add(middleware: authentication).add(middleware: ShareAccess())
            .add(middleware: limiter)
        let services = dependencies.services
        let maxBodyBytes = configuration.limits.maxMessageBytes
        ListingRoutes(
            hub: dependencies.hub, stream: services.stream, readings: services.readings,
            dashboards: dependencies.dashboards
        )
        .register(on: api)
        DeviceRoutes(services: services).register(on: api)
        ReadingRoutes(readings: services.readings, alerts: services.alerts).register(on: api)
        AlertRoutes(alerts: services.alerts, maxBodyBytes: maxBodyBytes).register(on: api)
        DeadLetterRoutes(letters: services.deadLetters).register(on: api)
        TopicRoutes(topics: dependencies.topics, broker: dependencies.broker).register(on: api)
        RoomRoutes(hub: dependencies.hub, services: services, maxBodyBytes: maxBodyBytes).register(on: api)
        NotificationRoutes(
            hub: dependencies.hub, notifications: services.notifications, entry: services.entry,
            maxBodyBytes: maxBodyBytes
        ).register(on: api)
        TicketRoutes(tickets: dependencies.authenticator.tickets).register(on: api)
        if let shares = dependencies.authenticator.shares {
            ShareRoutes(shares: shares, dashboards: dependencies.dashboards, maxBodyBytes: maxBodyBytes)
                .register(on: api)
        }
        ClientRoutes(hub: dependencies.hub).register(on: api)
        LatencyRoutes(latency: dependencies.latency, ring: dependencies.traces).register(on: api)
        BrowserSpanRoutes(spans: dependencies.browserSpans, maxBodyBytes: maxBodyBytes)
            .register(
                on: router.group("v1").add(middleware: authentication).add(middleware: ShareAccess())
                    .add(middleware: limiter))
        routes.fill(from: router)
        return router
    }

    /// Returns a logger for Hummingbird that omits its messages at info level, which duplicate ours.
    private func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        if logger.logLevel == .info { logger.logLevel = .notice }
        return logger
    }
}

/// The reason that the web server cannot start.
package enum WebServerError: Error, Equatable, CustomStringConvertible {
    /// The address is in use, not available on this machine, or not permitted. The text is the system's.
    case addressUnavailable(String)
    /// The certificate or its key cannot be used. The text names the file and the reason.
    case unusableCertificate(String)
    /// The limit of open files leaves too few of them for connections.
    case tooFewOpenFiles(limit: Int, needed: Int)

    package var description: String {
        switch self {
        case .addressUnavailable(let reason), .unusableCertificate(let reason): reason
        case .tooFewOpenFiles(let limit, let needed):
            "The limit of open files is \(limit); allowed: at least \(needed). Raise it, for example with ulimit -n."
        }
    }
}
