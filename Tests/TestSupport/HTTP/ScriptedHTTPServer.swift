import Core
import NIOCore
import NIOHTTP1
import NIOPosix
package import OpenSSL

/// An HTTP/1.1 server on a loopback port that answers each request from a script and records the requests.
///
/// It stops listening when this object is released.
package final class ScriptedHTTPServer: Sendable {
    package enum Answer: Sendable {
        case status(Int, headers: [(String, String)] = [], body: [UInt8] = [])
        /// A status with a body that never ends.
        case endless(status: Int)
        /// No response; the connection stays open.
        case hang
        /// The connection ends without a response.
        case disconnect
    }

    package struct Request: Sendable {
        package let method: String
        package let uri: String
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]
        /// The answer; `nil` while the request is held.
        package fileprivate(set) var answer: Answer?

        package var text: String { String(decoding: body, as: UTF8.self) }

        /// Returns the first header with that name, ignoring case.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    package let port: Int
    private let channel: any Channel
    private let script: Script

    /// All requests so far, in order of arrival.
    package var requests: [Request] { script.state.withLock { $0.requests } }
    /// The number of connections so far.
    package var connectionCount: Int { script.state.withLock { $0.connectionCount } }
    package var openConnections: Int { script.state.withLock { $0.openConnections } }
    /// The largest number of requests that were in progress at the same time.
    package var maxConcurrentRequests: Int { script.state.withLock { $0.maxConcurrentRequests } }

    private init(channel: any Channel, script: Script) {
        self.channel = channel
        self.script = script
        port = channel.localAddress?.port ?? 0
    }

    deinit {
        channel.close(promise: nil)
    }

    /// Starts listening.
    ///
    /// - Parameters:
    ///   - answers: The answers to the first requests, one each.
    ///   - fallback: The answer to all further requests.
    ///   - port: The port; 0 selects a free one.
    package static func start(
        _ answers: [Answer] = [], then fallback: Answer = .status(200), port: Int = 0, tls: TLSContext? = nil
    ) async throws -> ScriptedHTTPServer {
        let script = Script(answers, fallback)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(server: tls)) }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(script))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return ScriptedHTTPServer(channel: channel, script: script)
    }

    /// Runs `body` with a server, and stops it afterwards.
    package static func with<Success>(
        _ answers: [Answer] = [], tls: TLSContext? = nil, _ body: (ScriptedHTTPServer) async throws -> Success
    ) async throws -> Success {
        let server = try await start(answers, tls: tls)
        let result: Result<Success, any Error>
        do {
            result = .success(try await body(server))
        } catch {
            result = .failure(error)
        }
        try await server.stop()
        return try result.get()
    }

    /// Stops listening. Open connections stay open.
    package func stop() async throws {
        try await channel.close()
    }

    /// Answers further requests with `answer`, once the scripted answers are used up.
    package func answer(with answer: Answer) {
        script.state.withLock { $0.fallback = answer }
    }

    /// Holds further requests until ``release()``.
    package func hold() {
        script.state.withLock { $0.isHolding = true }
    }

    /// Answers the held requests.
    package func release() {
        for (channel, answer) in script.release() { Self.respond(answer, on: channel) }
    }

    private static func respond(_ answer: Answer, on channel: any Channel) {
        channel.eventLoop.execute {
            switch answer {
            case .status(let status, let headers, let body):
                write(status, headers + [("Content-Length", "\(body.count)")], on: channel)
                channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
                channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
            case .endless(let status):
                write(status, [("Transfer-Encoding", "chunked")], on: channel)
                channel.flush()
            case .hang: break
            case .disconnect: channel.close(promise: nil)
            }
        }
    }

    private static func write(_ status: Int, _ headers: [(String, String)], on channel: any Channel) {
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: HTTPHeaders(headers))
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
    }

    /// The state that the server shares with its connections.
    private final class Script: Sendable {
        struct State {
            var answers: [Answer]
            var fallback: Answer
            var requests: [Request] = []
            var isHolding = false
            /// The held requests, by their index in ``requests``.
            var held: [(index: Int, channel: any Channel)] = []
            var connectionCount = 0
            var openConnections = 0
            var openRequests = 0
            var maxConcurrentRequests = 0

            mutating func takeAnswer(for index: Int) -> Answer {
                let answer = answers.isEmpty ? fallback : answers.removeFirst()
                requests[index].answer = answer
                openRequests -= 1
                return answer
            }
        }

        let state: Lock<State>

        init(_ answers: [Answer], _ fallback: Answer) {
            state = Lock(State(answers: answers, fallback: fallback))
        }

        /// Records a request and returns its answer; `nil` when it is held.
        func answer(to request: Request, on channel: any Channel) -> Answer? {
            state.withLock { state in
                state.requests.append(request)
                let index = state.requests.count - 1
                guard state.isHolding else { return state.takeAnswer(for: index) }
                state.held.append((index, channel))
                return nil
            }
        }

        func release() -> [(any Channel, Answer)] {
            state.withLock { state in
                defer { state.held = [] }
                state.isHolding = false
                return state.held.map { ($0.channel, state.takeAnswer(for: $0.index)) }
            }
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart

        private let script: Script
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ script: Script) {
            self.script = script
        }

        func channelActive(context: ChannelHandlerContext) {
            script.state.withLock { state in
                state.connectionCount += 1
                state.openConnections += 1
            }
            context.fireChannelActive()
        }

        func channelInactive(context: ChannelHandlerContext) {
            script.state.withLock { $0.openConnections -= 1 }
            context.fireChannelInactive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
                script.state.withLock { state in
                    state.openRequests += 1
                    state.maxConcurrentRequests = max(state.maxConcurrentRequests, state.openRequests)
                }
            case .body(let part): body += Array(buffer: part)
            case .end:
                guard let head else { return }
                let request = Request(
                    method: head.method.rawValue, uri: head.uri, headers: head.headers.map { ($0.name, $0.value) },
                    body: body)
                if let answer = script.answer(to: request, on: context.channel) {
                    ScriptedHTTPServer.respond(answer, on: context.channel)
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
