import NIOCore
import NIOPosix
import OpenSSL

/// Accepts plain connections on its own port and relays them to a server over TLS, so that raw-byte tests can run over
/// TLS unchanged.
final class TLSRelay: Sendable {
    let port: Int
    private let listener: any Channel

    init(to serverPort: Int, trusting certificateFile: String, on group: any EventLoopGroup) async throws {
        let context = try TLSContext(caFile: certificateFile)
        listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { plain in
                ClientBootstrap(group: plain.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .channelOption(.allowRemoteHalfClosure, value: true)
                    .connect(host: "127.0.0.1", port: serverPort)
                    .flatMapThrowing { secure in
                        try secure.pipeline.syncOperations.addHandler(
                            TLSHandler(client: context, host: "127.0.0.1"))
                        try secure.pipeline.syncOperations.addHandler(Half(of: secure, other: plain))
                        try plain.pipeline.syncOperations.addHandler(Half(of: plain, other: secure))
                        secure.read()
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    func stop() async throws {
        try await listener.close()
    }

    /// One side of the relay. It forwards its input to the other side and reads only as fast as that side writes.
    private final class Half: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let own: any Channel
        private let other: any Channel
        /// Whether the other side's output closes after its pending writes.
        private var hasEnded = false

        init(of own: any Channel, other: any Channel) {
            self.own = own
            self.other = other
        }

        func channelActive(context: ChannelHandlerContext) {
            context.read()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            other.write(unwrapInboundIn(data), promise: nil)
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            other.flush()
            if other.isWritable { context.read() }
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            if own.isWritable { other.read() }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event as? ChannelEvent == .inputClosed {
                hasEnded = true
                // NIO closes a channel whose input has ended completely, with its pending writes.
                let other = other
                other.writeAndFlush(ByteBuffer()).whenComplete { _ in other.close(mode: .output, promise: nil) }
            } else {
                context.fireUserInboundEventTriggered(event)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            if !hasEnded { other.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
