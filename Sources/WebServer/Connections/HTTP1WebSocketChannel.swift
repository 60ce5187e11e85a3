import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOSSL
import Services

/// A listener's set-up of its connections for both HTTP/1.1, which Hummingbird handles, and WebSocket, which
/// ``WebSocketConnection`` handles.
///
///     [PlainRequestGuard ▶ TLS ▶] HTTPInputThrottle ▶ HTTP codec ▶ UpgradeGate ▶ NIO's upgrade handler ─┐
///     ┌─────────────────────────────────────────────────────────────────────────────────────────────┘
///     ├─ upgraded ─▶ WebSocketConnection or EchoConnection, alone behind TLS
///     └─ not ──────▶ HTTPVersionHandler ▶ HTTPConnectionGuard ▶ Hummingbird's pipeline and router
struct HTTP1WebSocketChannel: HTTPChannelHandler {
    /// The protocol that a connection's first request selected.
    enum SelectedProtocol: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket
    }

    struct Value: ServerChildChannelValue {
        let selectedProtocol: EventLoopFuture<SelectedProtocol>
        let channel: any Channel
    }

    /// The allocator of receive buffers. A connection keeps its first buffer for life, and most clients send little. So
    /// buffers have 512 bytes at first, which keeps idle connections cheap, and grow up to 16 KiB for clients that send
    /// more.
    private static let receiveBuffers = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 16_384)

    /// The size of the kernel's receive buffer of a connection, in bytes; the kernel doubles the value. It limits the
    /// input of a client that is not being read, because NIO reads the whole buffer when the client closes its half of
    /// the connection.
    private static let socketReceiveBytes = 32 * 1024

    /// The largest head of a request, in bytes.
    private static let maxHeaderBytes = 32 * 1024

    let responder: HTTPChannelHandler.Responder
    let authenticator: Authenticator
    let origins: OriginPolicy
    let environment: ConnectionEnvironment
    let pacers: RequestPacers
    /// The path of the echo endpoint, which ``EchoConnection`` serves; `nil` disables the endpoint.
    let echoPath: EchoPath?
    /// The certificate; `nil` disables TLS.
    let certificate: TLSCertificate?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.syncOptions?.setOption(.recvAllocator, value: Self.receiveBuffers)
            try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
            try channel.syncOptions?.setOption(.socketOption(.so_rcvbuf), value: Self.socketReceiveBytes)
            let admission = AdmittedIdentity()
            let limits = environment.limits
            let environment = self.environment
            let pacers = self.pacers
            let upgrade = NIOTypedHTTPServerUpgradeConfiguration<SelectedProtocol>(
                upgraders: [
                    WebSocketUpgrader(
                        admission: NIOLoopBound(admission, eventLoop: channel.eventLoop), environment: environment,
                        echoPath: echoPath)
                ],
                notUpgradingCompletionHandler: { [isSecure = certificate != nil] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try Self.configureHTTP(channel, environment, pacers, isSecure: isSecure)
                    }
                })
            var configuration = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
            configuration.enableErrorHandling = false  // Hummingbird does this
            configuration.encoderConfiguration.automaticallySetFramingHeaders = false  // HTTPConnectionGuard does this
            configuration.enableResponseHeaderValidation = false  // HTTPTypes did this
            configuration.decoderConfiguration.maxHeaderFieldSize = Self.maxHeaderBytes
            configuration.decoderConfiguration.maxHeaderListSize = Self.maxHeaderBytes
            let pipeline = channel.pipeline.syncOperations
            let selectedProtocol = try pipeline.configureUpgradableHTTPServerPipeline(configuration: configuration)
            let upgradeHandler = try pipeline.handler(type: NIOTypedHTTPServerUpgradeHandler<SelectedProtocol>.self)
            try pipeline.addHandler(
                UpgradeGate(
                    authenticator: authenticator, origins: origins, echoPath: echoPath, admission: admission,
                    quota: environment.quota, cap: environment.cap, entry: environment.services.entry,
                    timeout: limits.handshakeTimeout),
                position: .before(upgradeHandler))
            try pipeline.addHandler(HTTPInputThrottle(), position: .first)
            if let certificate {
                try pipeline.addHandler(NIOSSLServerHandler(context: certificate.context), position: .first)
                try pipeline.addHandler(PlainRequestGuard(), position: .first)
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
    ) throws -> SelectedProtocol {
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
        return .http(
            try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
    }
}
