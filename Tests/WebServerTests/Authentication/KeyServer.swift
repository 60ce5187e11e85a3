import Core
import NIOCore
import NIOHTTP1
import NIOPosix

@testable import WebServer

/// An HTTP server on a free loopback port that serves a key set or fails, as configured by the test.
final class KeyServer: Sendable {
    enum Behaviour: Sendable {
        case answer(HTTPResponseStatus, String, headers: [(String, String)] = [])
        /// Accepts the request and never responds.
        case silence
        /// Sends the head at once and never sends the promised body.
        case headOnly
    }

    private struct State {
        var behaviour: Behaviour
        var requests = 0
        var isHolding = false
        var held: [any Channel] = []
    }

    private let channel: any Channel
    private let state: StateBox

    private final class StateBox: Sendable {
        let value: Lock<State>
        init(_ state: State) { value = Lock(state) }
    }

    var source: JWKSource { .url("http://127.0.0.1:\(channel.localAddress?.port ?? 0)/jwks.json?key=hidden") }
    /// The number of requests for the key set.
    var requests: Int { state.value.withLock { $0.requests } }

    init(_ behaviour: Behaviour) async throws {
        let state = StateBox(State(behaviour: behaviour))
        self.state = state
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    deinit { channel.close(promise: nil) }

    convenience init(_ keys: [SigningKey]) async throws {
        try await self.init(.answer(.ok, TokenFixture.keySet(keys)))
    }

    func serve(_ keys: [SigningKey]) { behave(.answer(.ok, TokenFixture.keySet(keys))) }

    func behave(_ behaviour: Behaviour) {
        state.value.withLock { $0.behaviour = behaviour }
    }

    /// Holds requests until ``release()``.
    func hold() {
        state.value.withLock { $0.isHolding = true }
    }

    func release() {
        let (held, behaviour) = state.value.withLock { state in
            defer { state.held = [] }
            state.isHolding = false
            return (state.held, state.behaviour)
        }
        for channel in held { Self.respond(behaviour, on: channel) }
    }

    private static func respond(_ behaviour: Behaviour, on channel: any Channel) {
        switch behaviour {
        case .silence: break
        case .headOnly:
            channel.eventLoop.execute { channel.writeAndFlush(head(.ok, length: 100), promise: nil) }
        case .answer(let status, let text, let headers):
            channel.eventLoop.execute {
                channel.write(head(status, length: text.utf8.count, headers: headers), promise: nil)
                channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: text))), promise: nil)
                channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
            }
        }
    }

    private static func head(
        _ status: HTTPResponseStatus, length: Int, headers: [(String, String)] = []
    ) -> HTTPServerResponsePart {
        .head(
            HTTPResponseHead(
                version: .http1_1, status: status, headers: HTTPHeaders([("content-length", "\(length)")] + headers)))
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        private let state: StateBox

        init(_ state: StateBox) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            let channel = context.channel
            let behaviour = state.value.withLock { state -> Behaviour? in
                state.requests += 1
                guard state.isHolding else { return state.behaviour }
                state.held.append(channel)
                return nil
            }
            if let behaviour { KeyServer.respond(behaviour, on: channel) }
        }
    }
}
