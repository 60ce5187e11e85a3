import AlertRules
import Core
import CoreMetrics
import Foundation
import Logging
import MQTTTransport
import NIOCore
import NIOPosix
import Realtime
import ServiceLifecycle
import Services
import Storage
import Telemetry
import TestSupport
import WebSocketClient

@testable import WebServer

/// The real server on a free port, with a stream for tests to publish into.
final class LiveServer: Sendable {
    static let secret = "live-server-secret-0123456789abcdef"

    /// The plain port. When the server accepts TLS only, this is the port of a relay in front of it.
    let port: Int
    /// The server's own port.
    let serverPort: Int
    let stream: DataStreamService
    let hub: Hub
    let services: HubServices
    let presence: PresenceService
    let tickets: TicketStore
    let cap: ConnectionCap
    let log = LogRecorder()
    private let authority: TokenAuthority
    private let folder: String
    private let isFolderKept: Bool
    /// The path from MQTT messages to rooms, as in the gateway.
    let pipeline: IngestPipeline
    private let database: Database
    private let writer: DatabaseWriter
    private let group: MultiThreadedEventLoopGroup
    private let serviceGroup: ServiceGroup
    private let task: Task<Void, any Error>
    private let relay: TLSRelay?

    init(
        limits: ConnectionLimits = .init(), heartbeat: HeartbeatConfiguration = .init(), queueBytes: Int = 1 << 20,
        presenceGrace: TimeAmount = .seconds(10), history: HistoryConfiguration = .init(), data: String? = nil,
        allowedOrigins: [String] = [], webDirectory: String? = nil, echoPath: EchoPath? = nil,
        certificate: TestCertificate? = nil, alertRules: [AlertRule] = [], tracing: TestTracing = TestTracing(),
        socketMetrics: any MetricsFactory = NOOPMetricsHandler.instance,
        metricsText: @escaping @Sendable () -> String = { "" }
    ) async throws {
        let log = self.log
        let logger = log.logger
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        var hubConfiguration = HubConfiguration(sweepInterval: .milliseconds(20), presenceGrace: presenceGrace)
        hubConfiguration.queue = .init(maxBytes: queueBytes)
        hub = Hub(
            loops: try await LoopWakeup.loops(of: group), encoder: EnvelopeEncoder(), configuration: hubConfiguration,
            metrics: HubMetrics(factory: NOOPMetricsHandler.instance), tracing: tracing.hub)
        let tracer = tracing.entry.tracer
        stream = DataStreamService(hub: hub, tracer: tracer)
        authority = try TokenAuthority(secret: Self.secret)
        folder =
            data ?? FileManager.default.temporaryDirectory.appending(path: "windsock-live-\(UUID().uuidString)").path
        isFolderKept = data != nil
        database = try Database(directory: folder)
        writer = DatabaseWriter(database: database, hub: hub, tracer: tracer, logger: logger)
        presence = PresenceService(hub: hub, stream: stream)
        let rooms = RoomHistory(database: database, writer: writer, hub: hub, logger: logger)
        services = HubServices(
            stream: stream, history: rooms,
            chat: ChatService(writer: writer, history: rooms, configuration: history, tracer: tracer),
            notifications: NotificationService(
                writer: writer, database: database, hub: hub, configuration: history, tracer: tracer, logger: logger),
            readings: ReadingHistory(database: database, logger: logger),
            deadLetters: DeadLetterService(database: database, logger: logger),
            alerts: try AlertService(
                configuration: .init(rules: alertRules), history: history, database: database, writer: writer, hub: hub,
                tracer: tracer, factory: NOOPMetricsHandler.instance, logger: logger), entry: tracing.entry)
        let ingestMetrics = IngestMetrics(factory: NOOPMetricsHandler.instance)
        pipeline = IngestPipeline(
            decoder: TelemetryDecoder(),
            store: IngestStore(
                configuration: .init(clientID: "test"), writer: writer, database: database, readings: ReadingStore(),
                alerts: services.alerts, metrics: ingestMetrics, tracer: tracer, logger: logger),
            stream: stream, entry: tracing.entry, metrics: ingestMetrics, logger: logger)
        tickets = TicketStore()
        let environment = ConnectionEnvironment(
            hub: hub, services: services, authority: authority, limits: limits, heartbeat: heartbeat,
            queueBytes: queueBytes, metrics: WebSocketMetrics(factory: socketMetrics), logger: logger)
        cap = environment.cap
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let server = WebServer(
            configuration: WebServerConfiguration(
                port: 0, allowedOrigins: allowedOrigins, webDirectory: webDirectory, echoPath: echoPath,
                limits: limits, heartbeat: heartbeat),
            dependencies: WebServer.Dependencies(
                hub: hub, services: services,
                authenticator: Authenticator(authority: authority, tickets: tickets), environment: environment,
                latency: tracing.latency, traces: tracing.ring, browserSpans: tracing.browserSpans,
                certificate: try certificate.map {
                    try TLSCertificate(
                        .init(certificate: $0.file, key: $0.keyFile), interval: .milliseconds(20), logger: logger)
                },
                readiness: {
                    Readiness(checks: [.init(name: "mqtt", isReady: false, status: "waiting", reason: "test")])
                },
                metricsText: metricsText, dashboards: { ByteBuffer(string: #"{"dashboards":[]}"#) }),
            eventLoopGroup: group, logger: logger, onRunning: { continuation.yield($0) })
        serviceGroup = ServiceGroup(services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        task = Task { [serviceGroup] in try await serviceGroup.run() }
        var iterator = ports.makeAsyncIterator()
        serverPort = await iterator.next() ?? 0
        if let certificate {
            let relay = try await TLSRelay(to: serverPort, trusting: certificate.file, on: group)
            self.relay = relay
            port = relay.port
        } else {
            relay = nil
            port = serverPort
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }

    func token(
        _ user: String = "tester", join: [String] = ["sensors/#"], publish: [String] = [], notify: Bool = false,
        lifetime: Duration = .seconds(600)
    ) async throws -> String {
        try authority.issue(
            user: UserID(unchecked: user), join: try join.map { try TopicFilter($0) },
            publish: try publish.map { try TopicFilter($0) },
            notify: notify, lifetime: lifetime)
    }

    /// Connects a client and waits for its welcome.
    func client(
        token: String? = nil, headers: [(String, String)] = [],
        configuration: WebSocketClientConfiguration = WebSocketClientConfiguration()
    ) async throws -> WebSocketClient {
        let bearer = if let token { token } else { try await self.token() }
        return try await WebSocketClient.connect(
            url: "ws://127.0.0.1:\(port)/ws", headers: [("Authorization", "Bearer \(bearer)")] + headers,
            configuration: configuration)
    }

    func get(_ path: String, token: String? = nil, headers: [(String, String)] = []) async throws
        -> HTTPClientLite.Response
    {
        let authorization = token.map { [("Authorization", "Bearer \($0)")] } ?? []
        return try await HTTPClientLite.get(url + path, headers: authorization + headers)
    }

    /// Sends a chat message of any size to a room.
    func say(_ content: String, in room: String, by user: UserID = "ann") async throws {
        _ = try await withCheckedThrowingContinuation { continuation in
            services.chat.send(content, to: room, from: user, key: nil) { continuation.resume(with: $0) }
        }
    }

    /// Ingests a message as if the broker had sent it.
    func ingest(_ topic: String, _ payload: String) throws {
        try pipeline.accept(MQTTBatch(messages: [MQTTMessage(topic: topic, payload: Array(payload.utf8))]))
    }

    func publish(_ device: String, _ metrics: [(String, Double)], retained: Bool = false) throws {
        let now = SystemWallClock().now()
        guard let id = DeviceID(device) else { return }
        let reading = Reading(
            device: id, room: "sensors/\(device)", metrics: metrics.map { Metric(name: $0.0, value: $0.1) }, time: now,
            receivedAt: now, isRetained: retained)
        stream.publish([IngestedReading(reading)])
    }

    /// Shuts the server down and waits until it has stopped.
    func stop() async throws {
        try? await relay?.stop()
        await serviceGroup.triggerGracefulShutdown()
        try await task.value
        hub.close()
        await writer.close()
        try database.close()
        if !isFolderKept { try? FileManager.default.removeItem(atPath: folder) }
        try await group.shutdownGracefully()
    }
}
