import Core
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Telemetry

/// A loopback webhook receiver with scripted responses, one per request. It records the requests.
final class WebhookReceiver: Sendable {
    enum Answer: Sendable {
        case status(Int, headers: [(String, String)] = [])
        /// A status with a body that never ends.
        case endless(status: Int)
        /// No response; the connection stays open.
        case hang
        /// The connection ends without a response.
        case disconnect
    }

    struct Request: Sendable {
        let method: String
        let uri: String
        let headers: HTTPHeaders
        let body: String

        func header(_ name: String) -> String? { headers.first(name: name) }
        var eventID: String? { header("Windsock-Event-Id") }
    }

    fileprivate struct State {
        var answers: [Answer] = []
        var requests: [Request] = []
        var openConnections = 0
        var connectionCount = 0
    }

    /// State shared by the handlers.
    fileprivate final class Sink: Sendable {
        let state = Lock(State())
    }

    let port: Int
    private let channel: any Channel
    private let sink: Sink

    var requests: [Request] { sink.state.withLock { $0.requests } }
    var eventIDs: [String] { requests.compactMap(\.eventID) }
    var openConnections: Int { sink.state.withLock { $0.openConnections } }
    var connectionCount: Int { sink.state.withLock { $0.connectionCount } }

    private init(channel: any Channel, sink: Sink) {
        self.channel = channel
        self.sink = sink
        port = channel.localAddress?.port ?? 0
    }

    /// Listens on a free port while `body` runs. Responds with 200 when no scripted responses are left.
    static func with<Success>(
        _ answers: [Answer] = [], host: String = "127.0.0.1", tls: TLSConfiguration? = nil,
        _ body: (WebhookReceiver) async throws -> Success
    ) async throws -> Success {
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let sink = Sink()
        sink.state.withLock { $0.answers = answers }
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(sink))
                }
            }
            .bind(host: host, port: 0).get()
        let result: Result<Success, any Error>
        do {
            result = .success(try await body(WebhookReceiver(channel: channel, sink: sink)))
        } catch {
            result = .failure(error)
        }
        try await channel.close()
        return try result.get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let sink: Sink
        private var head: HTTPRequestHead?
        private var body = ByteBuffer()

        init(_ sink: Sink) {
            self.sink = sink
        }

        func channelActive(context: ChannelHandlerContext) {
            sink.state.withLock { state in
                state.openConnections += 1
                state.connectionCount += 1
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            sink.state.withLock { $0.openConnections -= 1 }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body.clear()
            case .body(var part): body.writeBuffer(&part)
            case .end: answer(context)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        private func answer(_ context: ChannelHandlerContext) {
            guard let head else { return }
            let request = Request(
                method: head.method.rawValue, uri: head.uri, headers: head.headers, body: String(buffer: body))
            let answer = sink.state.withLock { state in
                state.requests.append(request)
                return state.answers.isEmpty ? .status(200) : state.answers.removeFirst()
            }
            switch answer {
            case .status(let status, let headers): write(status, headers + [("Content-Length", "0")], context)
            case .endless(let status): write(status, [("Transfer-Encoding", "chunked")], context, ends: false)
            case .hang: break
            case .disconnect: context.close(promise: nil)
            }
        }

        private func write(
            _ status: Int, _ headers: [(String, String)], _ context: ChannelHandlerContext, ends: Bool = true
        ) {
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: HTTPHeaders(headers))
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if ends { context.write(wrapOutboundOut(.end(nil)), promise: nil) }
            context.flush()
        }
    }
}
