import Core
import Logging
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import WebServer

/// A WebSocket server that echoes at ``EchoEndpoint/path``, for public conformance suites.
///
///     UpgradePipeline ─┬─ upgraded ─▶ EchoConnection, alone behind TLS
///                      └─ not ──────▶ RefusalHandler
///
/// Connections are set up and upgraded by the gateway's code. `run()` returns after a graceful shutdown, when the
/// connections have ended.
struct EchoServer: Service {
    struct Configuration: Sendable {
        var address: ListenAddress
        /// The certificate; `nil` disables TLS.
        var certificate: TLSCertificate?
        /// Time for the client to send its handshake.
        var handshakeTimeout = TimeAmount.seconds(10)
        /// Time for the peer to end the connection after our close frame, or after the refusal of its request.
        var closeTimeout = TimeAmount.seconds(1)
    }

    private static let backlog: CInt = 256
    /// Time for connections to end at the shutdown, in addition to the close timeout.
    private static let afterglow = TimeAmount.seconds(1)

    let configuration: Configuration
    let group: any EventLoopGroup
    let logger: Logger
    /// Called with the port once connections are accepted.
    let onRunning: @Sendable (_ port: Int) -> Void

    func run() async throws {
        let quiescing = ServerQuiescingHelper(group: group)
        let listener = try await listen(quiescing)
        onRunning(listener.localAddress?.port ?? 0)
        try await gracefulShutdown()
        let ended = listener.eventLoop.makePromise(of: Void.self)
        quiescing.initiateShutdown(promise: ended)
        let (end, continuation) = AsyncStream.makeStream(of: Void.self)
        ended.futureResult.whenComplete { _ in continuation.finish() }
        listener.eventLoop.scheduleTask(in: configuration.closeTimeout + Self.afterglow) { continuation.finish() }
        for await _ in end {}
    }

    private func listen(_ quiescing: ServerQuiescingHelper) async throws(Unavailable) -> any Channel {
        let address = configuration.address
        do {
            return try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: Self.backlog)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            quiescing.makeServerChannelHandler(channel: channel))
                    }
                }
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try setUp(channel) } }
                .bind(host: address.host, port: address.port).get()
        } catch {
            throw Unavailable(description: "Cannot listen on \(address.host):\(address.port): \(error)")
        }
    }

    private func setUp(_ channel: any Channel) throws {
        let endpoint = EchoEndpoint(closeTimeout: configuration.closeTimeout, logger: logger)
        _ = try UpgradePipeline.install(
            on: channel, certificate: configuration.certificate, endpoint: endpoint, cap: nil,
            timeout: configuration.handshakeTimeout
        ) { [configuration] channel in
            try channel.pipeline.syncOperations.addHandler(RefusalHandler(closeTimeout: configuration.closeTimeout))
        }
    }
}

/// The endpoint `/echo`, which admits every valid handshake.
final class EchoEndpoint: WebSocketEndpoint {
    static let path = "/echo"

    private let closeTimeout: TimeAmount
    private let logger: Logger

    init(closeTimeout: TimeAmount, logger: Logger) {
        self.closeTimeout = closeTimeout
        self.logger = logger
    }

    func classify(_ head: HTTPRequestHead) -> UpgradeRequest {
        UpgradeRequest(head, path: Self.path)
    }

    func admit(_ head: HTTPRequestHead, from channel: any Channel) -> Admission { .admitted }

    func subprotocol(for head: HTTPRequestHead) -> String? { nil }

    func makeHandler(on channel: any Channel) -> any ChannelHandler {
        EchoConnection(closeTimeout: closeTimeout, logger: logger)
    }
}

/// A handler that answers a request that did not become a WebSocket with the reason, and closes the connection.
final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let closeTimeout: TimeAmount
    private var hasAnswered = false

    /// Creates the handler.
    ///
    /// - Parameter closeTimeout: Time for the client to end the connection after the answer.
    init(closeTimeout: TimeAmount) {
        self.closeTimeout = closeTimeout
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // At the head: an announced body may never come.
        guard case .head(let head) = unwrapInboundIn(data), !hasAnswered else { return }
        hasAnswered = true
        let refusal = Self.refusal(of: head)
        let body = ByteBuffer(string: "\(refusal.detail)\n")
        var headers: HTTPHeaders = ["Content-Type": "text/plain", "Content-Length": "\(body.readableBytes)"]
        for field in refusal.fields { headers.add(name: field.name, value: field.value) }
        headers.add(name: "Connection", value: "close")
        context.write(
            wrapOutboundOut(
                .head(HTTPResponseHead(version: .http1_1, status: .init(statusCode: refusal.status), headers: headers))),
            promise: nil)
        if head.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        // Half-close only: with unread input, a full close would discard the answer.
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: closeTimeout) { channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private static func refusal(of head: HTTPRequestHead) -> UpgradeRefusal {
        if let text = head.headers.first(name: UpgradeRefusal.headerName),
            let refusal = UpgradeRefusal(headerValue: text)
        {
            return refusal
        }
        switch UpgradeRequest(head, path: EchoEndpoint.path) {
        case .plain: return UpgradeRefusal(404, "Not found; this server has only \(EchoEndpoint.path).")
        case .refused(let refusal): return refusal
        case .handshake: return UpgradeRefusal(426, "Send \"Upgrade: websocket\" on a new connection.")
        }
    }
}
