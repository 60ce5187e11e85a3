import NIOCore
import NIOHTTP1

/// Gathers a server's answer that is not an upgrade, so that the error can say what the server said.
final class RefusalCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let maxBodyBytes: Int
    private let promise: EventLoopPromise<WebSocketClientError>
    private var status = 0
    private var body = ByteBuffer()

    /// - Parameter promise: gets the error when the answer has ended, or as much of it as is kept.
    init(maxBodyBytes: Int, promise: EventLoopPromise<WebSocketClientError>) {
        self.maxBodyBytes = maxBodyBytes
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
            guard status == 101 else { return }
            finish(context, .handshakeFailed("the upgrade headers or Sec-WebSocket-Accept are not what RFC 6455 asks"))
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
