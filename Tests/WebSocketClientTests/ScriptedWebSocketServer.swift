import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A WebSocket server on a free loopback port with scripted behaviour.
///
/// `/refuse` gets 401 with a long body, `/silent` gets no response. Everything else is upgraded: `onOpen` runs first,
/// and `onFrame` receives the client's frames.
final class ScriptedWebSocketServer: Sendable {
    typealias OnOpen = @Sendable (any Channel) -> Void
    typealias OnFrame = @Sendable (WebSocketFrame, any Channel) -> Void

    private let channel: any Channel

    var url: String { "ws://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    init(
        headers: [(String, String)] = [], onOpen: @escaping OnOpen = { _ in },
        onFrame: @escaping OnFrame = ScriptedWebSocketServer.echo
    ) async throws {
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: 1 << 24, automaticErrorHandling: false,
            shouldUpgrade: { channel, head in
                let upgrades = !["/refuse", "/silent"].contains(head.uri)
                return channel.eventLoop.makeSucceededFuture(upgrades ? HTTPHeaders(headers) : nil)
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FrameHandler(onFrame))
                    onOpen(channel)
                }
            })
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withServerUpgrade: (
                            upgraders: [upgrader],
                            completionHandler: { context in
                                let pipeline = context.pipeline.syncOperations
                                if let refusal = try? pipeline.context(handlerType: RefusalHandler.self) {
                                    pipeline.removeHandler(context: refusal, promise: nil)
                                }
                            }
                        ))
                    try channel.pipeline.syncOperations.addHandler(RefusalHandler())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    deinit { channel.close(promise: nil) }

    /// Echoes messages, answers pings and Close frames, and closes the socket after the latter.
    @Sendable static func echo(_ frame: WebSocketFrame, _ channel: any Channel) {
        switch frame.opcode {
        case .text, .binary: send(frame.opcode, frame.unmaskedData, on: channel)
        case .ping: send(.pong, frame.unmaskedData, on: channel)
        case .connectionClose:
            send(.connectionClose, frame.unmaskedData, on: channel)
            channel.close(promise: nil)
        default: break
        }
    }

    static func send(
        _ opcode: WebSocketOpcode, _ data: ByteBuffer, fin: Bool = true, mask: WebSocketMaskingKey? = nil,
        on channel: any Channel
    ) {
        channel.writeAndFlush(
            WebSocketFrame(fin: fin, opcode: opcode, maskKey: mask, data: data), promise: nil)
    }

    private final class FrameHandler: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame
        private let onFrame: OnFrame

        init(_ onFrame: @escaping OnFrame) { self.onFrame = onFrame }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            onFrame(unwrapInboundIn(data), context.channel)
        }
    }

    private final class RefusalHandler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .head(let head) = unwrapInboundIn(data), head.uri == "/refuse" else { return }
            let body = ByteBuffer(string: "no token" + String(repeating: ".", count: 100_000))
            let headers = HTTPHeaders([("Content-Length", "\(body.readableBytes)")])
            let answer = HTTPResponseHead(version: .http1_1, status: .unauthorized, headers: headers)
            context.write(wrapOutboundOut(.head(answer)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
