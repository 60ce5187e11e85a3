import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import OpenSSL

/// The setup of a connection: TCP, TLS for `wss`, the HTTP upgrade, then the WebSocket pipeline.
///
/// NIO's upgrader checks the status, `Upgrade` and `Sec-WebSocket-Accept`. This type checks the rest: the subprotocol
/// and the extensions. Source: RFC 6455 section 4.1.
struct WebSocketHandshake: Sendable {
    let url: WebSocketURL
    let headers: [(String, String)]
    let subprotocols: [String]
    let configuration: WebSocketClientConfiguration

    private enum Outcome: Sendable {
        case upgraded(WebSocketClient)
        case refused(EventLoopFuture<WebSocketClientError>)
    }

    private struct Connection: Sendable {
        let channel: any Channel
        let outcome: EventLoopFuture<Outcome>
    }

    func perform(on group: any EventLoopGroup) async throws -> WebSocketClient {
        let connection = try await connect(on: group)
        let channel = connection.channel
        let timeout = channel.eventLoop.scheduleTask(in: TimeAmount(configuration.handshakeTimeout)) {
            channel.close(promise: nil)
        }
        do {
            switch try await withTaskCancellationHandler(
                operation: { try await connection.outcome.get() }, onCancel: { channel.close(promise: nil) })
            {
            case .upgraded(let client):
                timeout.cancel()
                return client
            case .refused(let answer):
                let error = try await answer.get()
                timeout.cancel()
                throw error
            }
        } catch {
            try? await channel.close()
            if Task.isCancelled { throw CancellationError() }
            if let error = error as? WebSocketClientError { throw error }
            // If the timeout task's future succeeded before it could be cancelled, the task ran and the handshake timed
            // out.
            timeout.cancel()
            let timedOut = (try? await timeout.futureResult.get()) != nil
            throw timedOut
                ? WebSocketClientError.handshakeTimedOut
                : .handshakeFailed("the connection closed before the response was complete: \(error)")
        }
    }

    private func connect(on group: any EventLoopGroup) async throws -> Connection {
        let tls = try url.isSecure ? tlsContext() : nil
        let host = url.host
        var bootstrap = ClientBootstrap(group: group)
            .connectTimeout(TimeAmount(configuration.handshakeTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        if let bytes = configuration.receiveBufferBytes {
            bootstrap = bootstrap.channelOption(
                .socketOption(.so_rcvbuf), value: ChannelOptions.Types.SocketOption.Value(bytes))
        }
        do {
            return try await bootstrap.connect(host: url.host, port: url.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(client: tls, host: host)) }
                    return Connection(channel: channel, outcome: try configurePipeline(of: channel))
                }
            }
        } catch ChannelError.connectTimeout {
            throw WebSocketClientError.handshakeTimedOut
        } catch {
            throw WebSocketClientError.connectionFailed("\(url.host):\(url.port): \(Self.reason(for: error))")
        }
    }

    /// Returns the system's reason for a failed connection, without the types that NIO wraps it in.
    private static func reason(for error: any Error) -> String {
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        if let cause = error.connectionErrors.first?.error as? IOError {
            return String(cString: strerror(cause.errnoCode))
        }
        return error.dnsAError == nil ? "\(error)" : "the host name cannot be resolved"
    }

    private func tlsContext() throws(WebSocketClientError) -> TLSContext {
        do throws(TLSError) {
            return try TLSContext(caFile: configuration.caFile)
        } catch {
            throw .connectionFailed("cannot load the certificates of \(configuration.caFile ?? "the system"): \(error)")
        }
    }

    private func configurePipeline(of channel: any Channel) throws -> EventLoopFuture<Outcome> {
        let upgrader = NIOTypedWebSocketClientUpgrader<Outcome>(
            maxFrameSize: configuration.maxFrameBytes, enableAutomaticErrorHandling: false
        ) { channel, response in
            channel.eventLoop.makeCompletedFuture { .upgraded(try upgrade(channel, response: response)) }
        }
        var request = HTTPHeaders([("Host", url.hostHeader)] + headers)
        if !subprotocols.isEmpty {
            request.add(name: "Sec-WebSocket-Protocol", value: subprotocols.joined(separator: ", "))
        }
        var pipeline = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration(
                upgradeRequestHead: HTTPRequestHead(version: .http1_1, method: .GET, uri: url.target, headers: request),
                upgraders: [upgrader],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeCompletedFuture { try collectRefusal(from: channel) }
                }))
        // A server may send its first frames in the same packet as its 101 response.
        pipeline.leftOverBytesStrategy = .forwardBytes
        return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: pipeline)
    }

    private func upgrade(_ channel: any Channel, response: HTTPResponseHead) throws -> WebSocketClient {
        let selected = response.headers["Sec-WebSocket-Protocol"]
        guard selected.count <= 1, selected.allSatisfy(subprotocols.contains) else {
            throw WebSocketClientError.handshakeFailed("the server selected a subprotocol that was not offered")
        }
        guard response.headers["Sec-WebSocket-Extensions"].isEmpty else {
            throw WebSocketClientError.handshakeFailed("the server selected an extension that was not offered")
        }
        let loop = channel.eventLoop
        let queue = MessageQueue(
            maxMessages: configuration.maxBufferedMessages, maxBytes: configuration.maxBufferedBytes
        ) { [weak channel] in
            // Consumers call this on their own threads.
            guard let channel else { return }
            loop.execute {
                try? channel.pipeline.syncOperations.handler(type: WebSocketClientHandler.self).demand()
            }
        }
        let handler = WebSocketClientHandler(queue: queue, configuration: configuration)
        try channel.pipeline.syncOperations.addHandler(handler)
        return WebSocketClient(
            channel: channel, handler: NIOLoopBound(handler, eventLoop: loop), queue: queue,
            subprotocol: selected.first)
    }

    private func collectRefusal(from channel: any Channel) throws -> Outcome {
        let promise = channel.eventLoop.makePromise(of: WebSocketClientError.self)
        try channel.pipeline.syncOperations.addHandler(
            RefusalCollector(maxBodyBytes: configuration.maxRefusalBodyBytes, promise: promise))
        return .refused(promise.futureResult)
    }
}

/// A channel handler that collects the response of a server that refuses the upgrade, so that the error can quote it.
final class RefusalCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let maxBodyBytes: Int
    private let promise: EventLoopPromise<WebSocketClientError>
    private var status = 0
    private var body = ByteBuffer()

    /// Creates a collector for one response.
    ///
    /// - Parameter promise: Receives the error at the end of the response, or as soon as `maxBodyBytes` have been
    ///   collected.
    init(maxBodyBytes: Int, promise: EventLoopPromise<WebSocketClientError>) {
        self.maxBodyBytes = maxBodyBytes
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
            guard status == 101 else { return }
            finish(context, .handshakeFailed("the upgrade headers or Sec-WebSocket-Accept violate RFC 6455"))
        case .body(var part):
            let room = maxBodyBytes - body.readableBytes
            if let slice = part.readSlice(length: min(room, part.readableBytes)) { body.writeImmutableBuffer(slice) }
            if body.readableBytes >= maxBodyBytes { finish(context) }
        case .end:
            finish(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(context, status == 0 ? .handshakeFailed("\(error)") : nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(context, status == 0 ? .handshakeFailed("the server closed the connection") : nil)
        context.fireChannelInactive()
    }

    private func finish(_ context: ChannelHandlerContext, _ error: WebSocketClientError? = nil) {
        promise.succeed(error ?? .refused(status: status, body: String(buffer: body)))
        context.close(promise: nil)
    }
}
