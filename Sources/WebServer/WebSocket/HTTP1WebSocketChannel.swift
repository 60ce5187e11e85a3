import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOSSL
import Services

/// HTTP/1.1 and WebSocket on one listener: Hummingbird serves the one, ``WebSocketConnection`` the other.
///
///     [TLS ──▶] HTTPInputGate ──▶ HTTP codec ──▶ UpgradeGate ──▶ NIO's upgrade handler ──┬─ upgraded ──▶ WebSocketConnection (alone in the pipeline)
///                                                                              └─ not ──▶ HTTPVersionHandler, HTTPConnectionGuard, Hummingbird's HTTP pipeline and router
struct HTTP1WebSocketChannel: HTTPChannelHandler {
    /// What a connection became with its first request.
    enum Outcome: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket
    }

    struct Value: ServerChildChannelValue {
        let outcome: EventLoopFuture<Outcome>
        let channel: any Channel
    }

    /// Clients say little, and a connection keeps its first receive buffer as long as it lives: a small one keeps an
    /// idle connection small, and grows for those that say more.
    private static let receiveBuffers = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 16_384)

    /// Bytes that the system holds of a client that is not read, before it doubles the figure. NIO reads all of them when the
    /// client ends its half.
    private static let socketReceiveBytes = 32 * 1024

    /// The largest head of a request.
    private static let maxHeaderBytes = 32 * 1024

    let responder: HTTPChannelHandler.Responder
    let authenticator: Authenticator
    let origins: OriginPolicy
    let environment: ConnectionEnvironment
    let lines: RequestLines
    /// Where ``EchoConnection`` serves; `nil` is nowhere.
    let echoPath: EchoPath?
    /// `nil` serves without TLS.
    let certificate: TLSCertificate?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.syncOptions?.setOption(.recvAllocator, value: Self.receiveBuffers)
            try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
            try channel.syncOptions?.setOption(.socketOption(.so_rcvbuf), value: Self.socketReceiveBytes)
            let admission = Admission()
            let limits = environment.limits
            let environment = self.environment
            let lines = self.lines
            let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Outcome>(
                upgraders: [
                    WebSocketUpgrader(
                        admission: NIOLoopBound(admission, eventLoop: channel.eventLoop), environment: environment,
                        echoPath: echoPath)
                ],
                notUpgradingCompletionHandler: { [isSecure = certificate != nil] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try Self.configureHTTP(channel, environment, lines, isSecure: isSecure)
                    }
                })
            var configuration = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
            configuration.enableErrorHandling = false  // Hummingbird answers errors
            configuration.encoderConfiguration.automaticallySetFramingHeaders = false  // HTTPConnectionGuard does it
            configuration.enableResponseHeaderValidation = false  // HTTPTypes has validated them
            configuration.decoderConfiguration.maxHeaderFieldSize = Self.maxHeaderBytes
            configuration.decoderConfiguration.maxHeaderListSize = Self.maxHeaderBytes
            let pipeline = channel.pipeline.syncOperations
            let outcome = try pipeline.configureUpgradableHTTPServerPipeline(configuration: configuration)
            let upgradeHandler = try pipeline.handler(type: NIOTypedHTTPServerUpgradeHandler<Outcome>.self)
            try pipeline.addHandler(
                UpgradeGate(
                    authenticator: authenticator, origins: origins, echoPath: echoPath, admission: admission,
                    quota: environment.quota, cap: environment.cap, entry: environment.services.entry,
                    timeout: limits.handshakeTimeout),
                position: .before(upgradeHandler))
            try pipeline.addHandler(HTTPInputGate(), position: .first)
            if let certificate {
                try pipeline.addHandler(NIOSSLServerHandler(context: certificate.context), position: .first)
                try pipeline.addHandler(PlainRequestGuard(), position: .first)
            }
            return Value(outcome: outcome, channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.outcome.get() {
            case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
            case .webSocket: break  // it lives in its channel handler; no task waits for it
            }
        } catch {
            logger.debug("A connection ended before its first request", metadata: ["error": "\(error)"])
        }
    }

    private static func configureHTTP(
        _ channel: any Channel, _ environment: ConnectionEnvironment, _ lines: RequestLines, isSecure: Bool
    ) throws -> Outcome {
        guard let line = lines.line(of: channel.eventLoop) else {
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
                line: line, cap: environment.cap, metrics: environment.metrics.edge))
        return .http(
            try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
    }
}
