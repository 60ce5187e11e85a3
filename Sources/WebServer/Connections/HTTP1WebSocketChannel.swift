import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Realtime
import Services

/// A listener's set-up of its connections for both HTTP/1.1, which Hummingbird handles, and WebSocket, which
/// ``WebSocketConnection`` handles.
///
///     UpgradePipeline ─┬─ upgraded ─▶ WebSocketConnection, alone behind TLS
///                      └─ not ──────▶ HTTPVersionHandler ▶ HTTPConnectionGuard ▶ Hummingbird's pipeline and router
struct HTTP1WebSocketChannel: HTTPChannelHandler {
    typealias SelectedProtocol = UpgradeOutcome<NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>>

    struct Value: ServerChildChannelValue {
        let selectedProtocol: EventLoopFuture<SelectedProtocol>
        let channel: any Channel
    }

    let responder: HTTPChannelHandler.Responder
    let authenticator: Authenticator
    let origins: OriginPolicy
    let environment: ConnectionEnvironment
    let pacers: RequestPacers
    /// The certificate; `nil` disables TLS.
    let certificate: TLSCertificate?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let environment = self.environment
            let endpoint = ClientEndpoint(
                authenticator: authenticator, origins: origins, quota: environment.quota,
                entry: environment.services.entry
            ) { identity, channel in
                guard let shard = environment.hub.shard(on: channel.eventLoop) else {
                    throw ChannelError.inappropriateOperationForState
                }
                return WebSocketConnection(identity: identity, shard: shard, environment: environment)
            }
            let selectedProtocol = try UpgradePipeline.install(
                on: channel, certificate: certificate, endpoint: endpoint, cap: environment.cap,
                timeout: environment.limits.handshakeTimeout
            ) { [pacers, isSecure = certificate != nil] channel in
                try Self.configureHTTP(channel, environment, pacers, isSecure: isSecure)
            }
            return Value(selectedProtocol: selectedProtocol, channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.selectedProtocol.get() {
            case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
            case .webSocket: break  // runs in its channel handler, without a task
            }
        } catch {
            logger.debug("A connection ended before its first request", metadata: ["error": "\(error)"])
        }
    }

    private static func configureHTTP(
        _ channel: any Channel, _ environment: ConnectionEnvironment, _ pacers: RequestPacers, isSecure: Bool
    ) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        guard let pacer = pacers.pacer(of: channel.eventLoop) else {
            throw ChannelError.inappropriateOperationForState
        }
        let pipeline = channel.pipeline.syncOperations
        let limits = environment.limits
        try pipeline.addHandler(HTTPVersionHandler())
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: isSecure))
        try pipeline.addHandler(
            HTTPConnectionGuard(
                configuration: HTTPConnectionGuard.Configuration(
                    bodyTimeout: limits.bodyTimeout, writeTimeout: environment.heartbeat.writeTimeout,
                    idleTimeout: limits.idleTimeout),
                pacer: pacer, cap: environment.cap, metrics: environment.metrics.edge))
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
}
