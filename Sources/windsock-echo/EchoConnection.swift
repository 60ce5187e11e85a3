import Logging
import NIOCore
import Realtime
import WebServer

/// A handler that sends every message back unchanged, for public WebSocket conformance suites.
///
///     bytes ──▶ WebSocketInput ──▶ message ──▶ ServerFrame ──▶ bytes
///
/// It uses the same decoder and encoder as the gateway, and knows neither users nor rooms. While a peer does not read its
/// echoes, the handler does not read from the peer, so at most one message and one read are held for it. Everything
/// happens on the channel's event loop.
final class EchoConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// The largest message in bytes.
    static let maxMessageBytes = 16 * 1024 * 1024

    private let closeTimeout: TimeAmount
    private let logger: Logger
    private var input = WebSocketInput(maxMessageBytes: EchoConnection.maxMessageBytes)
    /// True when our close frame has been written; further input is ignored (RFC 6455 section 7.1.1).
    private var isClosing = false
    private var isReadHeld = false

    /// Creates the handler.
    ///
    /// - Parameter closeTimeout: Time for the peer to end the connection after our close frame.
    init(closeTimeout: TimeAmount, logger: Logger) {
        self.closeTimeout = closeTimeout
        self.logger = logger
    }

    // MARK: Channel events

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        input.append(unwrapInboundIn(data))
        do throws(WebSocketViolation) {
            while !isClosing, let event = try input.next() { receive(event, context) }
        } catch {
            logger.debug("A client violated the WebSocket protocol", metadata: ["reason": "\(error.reason)"])
            close(ServerFrame.close(code: error.code.rawValue, reason: error.reason), context)
        }
        if isClosing {
            input.removeAll()
        } else {
            input.compact()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func read(context: ChannelHandlerContext) {
        // Input after our close frame is dropped, so reading it costs nothing.
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
            close(
                ServerFrame.close(code: CloseCode.goingAway.rawValue, reason: "the server is shutting down"), context)
            endSoon(context)
        case ChannelEvent.inputClosed: peerEnded(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("A connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: Events from the peer

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

    /// Sends the close frame and closes our half. The connection ends when the peer closes its half, or after the
    /// timeout. Closing both halves at once could destroy the close frame in transit if more input arrives (RFC 6455
    /// section 7.1.1).
    private func close(_ frame: ByteBuffer, _ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        input.removeAll()
        context.writeAndFlush(wrapOutboundOut(frame)).assumeIsolated().whenComplete { _ in self.endSoon(context) }
        context.close(mode: .output, promise: nil)
        readAgain(context)
    }

    /// Ends the connection after the peer closed its half without a close frame. Pending output is sent first.
    private func peerEnded(_ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        input.removeAll()
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
