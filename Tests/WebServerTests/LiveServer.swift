import AlertRules
import Core
import Foundation
import MQTTTransport
import NIOCore
import NIOPosix
import OTLP
import Realtime
import ServiceLifecycle
import Services
import Telemetry
import TestSupport
import WebSocketClient

@testable import Gateway
@testable import WebServer

/// A gateway on a free port, composed as in production. Nothing listens at its broker's address: tests ingest and
/// publish readings themselves.
final class LiveServer: Sendable {
    static let secret = "live-server-secret-0123456789abcdef"

    /// The plain port. When the server accepts TLS only, this is the port of a relay in front of it.
    let port: Int
    /// The server's own port.
    let serverPort: Int
    let log = LogRecorder()
    private let gateway: Gateway
    private let authority: TokenAuthority
    /// The folder of the database, unless the test provides one. Has no alert rules.
    private let folder: TemporaryFolder
    private let serviceGroup: ServiceGroup
    private let task: Task<Void, any Error>
    private let relay: TLSRelay?
    /// The echo server beside the gateway's, for tests of both.
    private let echo: EchoFixture?

    /// Starts a gateway and waits until it accepts connections.
    ///
    /// - Parameters:
    ///   - data: A data directory that outlives this object.
    ///   - dashboards: The YAML of dashboards by their ids.
    ///   - spans: Records all spans. Without it, traces are sampled only if the caller sampled them.
    init(
        limits: ConnectionLimits = .init(), heartbeat: HeartbeatConfiguration = .init(), queueBytes: Int = 1 << 20,
        presenceGrace: TimeAmount = .seconds(10), history: HistoryConfiguration = .init(), data: String? = nil,
        allowedOrigins: [String] = [], frameAncestors: [String] = ["'self'"], dashboards: [String: String] = [:],
        webDirectory: String? = nil, hasEcho: Bool = false,
        certificate: TestCertificate? = nil, alertRules: [AlertRule] = [], spans: SpanLog? = nil,
        discovery: DiscoveryConfiguration.Mode = .auto
    ) async throws {
        folder = try TemporaryFolder()
        let dashboardsFolder = folder.url.appending(path: "dashboards")
        try FileManager.default.createDirectory(at: dashboardsFolder, withIntermediateDirectories: true)
        for (id, yaml) in dashboards { try folder.write(yaml, to: "dashboards/\(id).yaml") }
        var configuration = try GatewayConfiguration(
            .init(
                environment: ["WINDSOCK_JWT_SECRET": Self.secret],
                flags: [
                    "listen": "127.0.0.1:0", "mqtt.url": "mqtt://127.0.0.1:1", "event_loops": "2",
                    "data_dir": data ?? folder.url.appending(path: "data").path,
                    "dashboards_dir": dashboardsFolder.path,
                    "alerts_dir": folder.url.path,
                ]))
        configuration.server = WebServerConfiguration(
            port: 0, tls: certificate.map { .init(certificate: $0.file, key: $0.keyFile) },
            tlsCheckInterval: .milliseconds(20), allowedOrigins: allowedOrigins,
            frameAncestors: frameAncestors, webDirectory: webDirectory,
            limits: limits, heartbeat: heartbeat)
        configuration.hub.queue.maxBytes = queueBytes
        configuration.hub.sweepInterval = .milliseconds(20)
        configuration.hub.presenceGrace = presenceGrace
        configuration.history = history
        configuration.alertRules = alertRules
        configuration.discovery?.mode = discovery
        configuration.tracing.tracesPerSecond = 200
        configuration.otlp.sampler = spans == nil ? Sampler(root: .alwaysOff) : .parentBasedAlwaysOn
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        gateway = try await Gateway(
            configuration: configuration, logger: log.logger, spanProcessors: spans.map { [$0] } ?? []
        ) { continuation.yield($0.port) }
        authority = try TokenAuthority(secret: Self.secret)
        serviceGroup = ServiceGroup(services: [gateway], logger: .silent)
        task = Task { [serviceGroup] in
            defer { continuation.finish() }
            try await serviceGroup.run()
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else {
            try await task.value
            throw RawSocket.Failure("the gateway ended before it was ready")
        }
        serverPort = port
        if let certificate {
            let relay = try await TLSRelay(
                to: serverPort, trusting: certificate.file, on: MultiThreadedEventLoopGroup.singleton)
            self.relay = relay
            self.port = relay.port
        } else {
            relay = nil
            self.port = serverPort
        }
        echo =
            hasEcho
            ? try await EchoFixture(
                limits: limits, certificate: certificate, on: MultiThreadedEventLoopGroup.singleton, logger: log.logger)
            : nil
    }

    /// The port at which an endpoint is served.
    func port(of endpoint: Endpoint) -> Int {
        switch endpoint {
        case .stream: port
        case .echo: echo?.port ?? 0
        }
    }

    var hub: Hub { gateway.hub }
    var services: HubServices { gateway.stack.services }
    var stream: DataStreamService { services.stream }
    var presence: PresenceService { gateway.stack.presence }
    var entry: EntryTracer { gateway.tracing.entry }
    var latency: LatencyService { gateway.tracing.latency }
    var shares: ShareStore? { gateway.server.dependencies.authenticator.shares }
    var cap: ConnectionCap { gateway.server.dependencies.environment.cap }

    var url: String { "http://127.0.0.1:\(port)" }

    func token(
        _ user: String = "tester", join: [String] = ["sensors/#"], publish: [String] = [], notify: Bool = false,
        share: Bool = false, lifetime: Duration = .seconds(600)
    ) async throws -> String {
        try authority.issue(
            user: UserID(unchecked: user), join: try join.map { try TopicFilter($0) },
            publish: try publish.map { try TopicFilter($0) },
            notify: notify, share: share, lifetime: lifetime)
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

    /// Replaces a dashboard's file, and reloads.
    func replace(dashboard id: String, by yaml: String) async throws {
        _ = try folder.write(yaml, to: "dashboards/\(id).yaml")
        await gateway.reload()
    }

    /// Ingests a message as if the broker had sent it.
    func ingest(_ topic: String, _ payload: String) throws {
        try gateway.mqtt.pipeline.accept(MQTTBatch(messages: [MQTTMessage(topic: topic, payload: Array(payload.utf8))]))
    }

    /// Passes a message to topic discovery as if the broker had sent it.
    func discover(_ topic: String, _ payload: String, retained: Bool = false) {
        gateway.discovery?.accept(
            MQTTBatch(messages: [MQTTMessage(topic: topic, payload: Array(payload.utf8), isRetained: retained)]))
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
        try await echo?.stop()
    }
}
