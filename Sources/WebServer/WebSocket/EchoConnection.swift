import Logging
import NIOCore
import Realtime

/// Sends every message back as it came: what public WebSocket conformance suites talk to.
///
///     bytes ──▶ WebSocketDecoder ──▶ message ──▶ ServerFrame ──▶ bytes
///
/// It reads and writes by the very code that `/ws` uses, and knows neither users nor rooms. A peer that does not take
/// its echoes is read no further: what waits for it is at most one message and one read. Everything happens on the
/// channel's event loop.
final class EchoConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// Bytes of the largest message.
    static let maxMessageBytes = 16 * 1024 * 1024

    private let closeTimeout: TimeAmount
    private let logger: Logger
    private var decoder = WebSocketDecoder(maxMessageBytes: EchoConnection.maxMessageBytes)
    /// Bytes of a frame whose rest has not come yet.
    private var partial: ByteBuffer?
    /// Our close frame is written: what still comes means nothing (RFC 6455 section 7.1.1).
    private var isClosing = false
    private var isReadHeld = false

    /// - Parameter closeTimeout: Time for the peer to end the connection after our close frame has gone out.
    init(closeTimeout: TimeAmount, logger: Logger) {
        self.closeTimeout = closeTimeout
        self.logger = logger
    }

    // MARK: Channel events

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        var bytes = unwrapInboundIn(data)
        if var partial {
            self.partial = nil
            partial.writeBuffer(&bytes)
            bytes = partial
        }
        do throws(WebSocketViolation) {
            while !isClosing, let event = try decoder.next(from: &bytes) { receive(event, context) }
        } catch {
            logger.debug("An echo client broke the WebSocket protocol", metadata: ["reason": "\(error.reason)"])
            close(ServerFrame.close(code: error.code.rawValue, reason: error.reason), context)
        }
        if bytes.readableBytes > 0, !isClosing {
            bytes.discardReadBytes()
            partial = bytes
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func read(context: ChannelHandlerContext) {
        // What comes after our close frame is dropped, so that it costs nothing to take it.
        if context.channel.isWritable || isClosing {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { readAgain(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            close(ServerFrame.close(code: CloseCode.goingAway.rawValue, reason: "the gateway shuts down"), context)
            endSoon(context)
        case ChannelEvent.inputClosed: peerEnded(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("An echo connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: What the peer says

    private func receive(_ event: WebSocketDecoder.Event, _ context: ChannelHandlerContext) {
        switch event {
        case .text(let text): write(ServerFrame.frame(.text, payload: ByteBuffer(string: text)), context)
        case .binary(let bytes): write(ServerFrame.frame(.binary, payload: bytes), context)
        case .ping(let payload): write(ServerFrame.frame(.pong, payload: payload), context)
        case .pong: break
        case .close(let code?): close(ServerFrame.close(code: code, reason: ""), context)
        case .close(nil): close(ServerFrame.frame(.close, payload: ByteBuffer()), context)
        }
    }

    private func write(_ frame: ByteBuffer, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(frame), promise: nil)
    }

    // MARK: Ending

    /// Sends the close frame and ends our half; the peer ends its own, or the timeout does. Ending both at once could
    /// destroy the close frame on its way, when more of the peer's bytes arrive (RFC 6455 section 7.1.1).
    private func close(_ frame: ByteBuffer, _ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        partial = nil
        context.writeAndFlush(wrapOutboundOut(frame)).assumeIsolated().whenComplete { _ in self.endSoon(context) }
        context.close(mode: .output, promise: nil)
        readAgain(context)
    }

    /// The peer sends no more, and has sent no close frame: what is written goes out, then the connection ends.
    private func peerEnded(_ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        partial = nil
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    private func endSoon(_ context: ChannelHandlerContext) {
        let channel = context.channel
        context.eventLoop.scheduleTask(in: closeTimeout) { channel.close(promise: nil) }
    }

    private func readAgain(_ context: ChannelHandlerContext) {
        guard isReadHeld else { return }
        isReadHeld = false
        context.read()
    }
}
