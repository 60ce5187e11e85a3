import Core
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import SwiftProtobuf

@testable import OTLP

/// A collector with scripted responses, one per request. It records the spans that it accepted.
final class ScriptedCollector: Sendable {
    enum Answer: Sendable {
        case status(Int, headers: [(String, String)] = [], body: [UInt8] = [])
        /// 200, with that number of spans rejected.
        case partial(rejected: Int64, message: String)
        /// No response; the connection stays open.
        case hang
        /// The connection ends without a response.
        case disconnect
    }

    struct Request: Sendable {
        let path: String
        let headers: [(name: String, value: String)]
        let spanNames: [String]
        let arrival: ContinuousClock.Instant
    }

    fileprivate struct State {
        var answers: [Answer] = []
        var requests: [Request] = []
        var taken: [String] = []
        var openCount = 0
        var mostAtOnce = 0
        var connectionCount = 0
        var openConnections = 0
    }

    let port: Int
    private let channel: any Channel
    private let state: Sink

    /// State shared by the handlers.
    fileprivate final class Sink: Sendable {
        let state = Lock(State())
    }

    var url: String { "http://127.0.0.1:\(port)/v1/traces" }
    /// The span names of every request that was answered with success, in order.
    var taken: [String] { state.state.withLock { $0.taken } }
    var requests: [Request] { state.state.withLock { $0.requests } }
    /// The largest number of concurrent requests.
    var mostAtOnce: Int { state.state.withLock { $0.mostAtOnce } }
    var connectionCount: Int { state.state.withLock { $0.connectionCount } }
    var openConnections: Int { state.state.withLock { $0.openConnections } }

    private init(channel: any Channel, state: Sink) {
        self.channel = channel
        self.state = state
        port = channel.localAddress?.port ?? 0
    }

    /// Starts listening, on a free port when none is given.
    static func start(
        port: Int = 0, tls: TLSConfiguration? = nil, _ answers: [Answer] = []
    ) async throws -> ScriptedCollector {
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
            .bind(host: "127.0.0.1", port: port).get()
        return ScriptedCollector(channel: channel, state: sink)
    }

    func stop() async throws {
        try await channel.close()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let sink: Sink
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ sink: Sink) {
            self.sink = sink
        }

        func channelActive(context: ChannelHandlerContext) {
            sink.state.withLock { state in
                state.connectionCount += 1
                state.openConnections += 1
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            sink.state.withLock { $0.openConnections -= 1 }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
                sink.state.withLock { state in
                    state.openCount += 1
                    state.mostAtOnce = max(state.mostAtOnce, state.openCount)
                }
            case .body(let part): body += Array(buffer: part)
            case .end: answer(context)
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            let request = try? ProtoExportTraceServiceRequest(serializedBytes: body)
            let names = request?.resourceSpans.flatMap(\.scopeSpans).flatMap(\.spans).map(\.name) ?? []
            let answer = sink.state.withLock { state in
                state.openCount -= 1
                state.requests.append(
                    Request(
                        path: head?.uri ?? "", headers: head?.headers.map { ($0.name, $0.value) } ?? [],
                        spanNames: names, arrival: .now))
                let answer = state.answers.isEmpty ? .status(200) : state.answers.removeFirst()
                switch answer {
                case .status(let status, _, _): if (200..<300).contains(status) { state.taken += names }
                case .partial(let rejected, _): state.taken += names.dropLast(Int(rejected))
                case .hang, .disconnect: break
                }
                return answer
            }
            switch answer {
            case .status(let status, let headers, let body): write(status, headers, body, context)
            case .partial(let rejected, let message):
                let response = ProtoExportTraceServiceResponse.with {
                    $0.partialSuccess = .with { ($0.rejectedSpans, $0.errorMessage) = (rejected, message) }
                }
                let body: [UInt8] = (try? response.serializedBytes()) ?? []
                write(200, [("Content-Type", "application/x-protobuf")], body, context)
            case .hang: break
            case .disconnect: context.close(promise: nil)
            }
        }

        private func write(
            _ status: Int, _ headers: [(String, String)], _ body: [UInt8], _ context: ChannelHandlerContext
        ) {
            let fields = HTTPHeaders(headers + [("Content-Length", "\(body.count)")])
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: fields)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
