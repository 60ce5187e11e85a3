import NIOCore

/// Hands on an HTTP connection's bytes in small portions, each when the handlers behind it ask for more.
///
/// A request of thirty bytes is a KiB once it is parsed, and the parser takes all it is given: a whole read, and everything
/// in the socket when the peer has ended its half of the connection. The bytes wait here instead. The gate leaves the pipeline
/// with the upgrade to a WebSocket, whose own decoder stops by itself.
final class HTTPInputGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// About thirty of the smallest requests, or most of the head of an ordinary one.
    private static let portionByteCount = 1024

    /// Bytes that nobody has asked for yet.
    private var held: ByteBuffer?
    /// The peer has ended its half, which is told after what is held.
    private var isInputClosed = false
    private var isReadWanted = false
    private var isHandingOn = false

    func handlerRemoved(context: ChannelHandlerContext) {
        if let held {
            self.held = nil
            context.fireChannelRead(wrapInboundOut(held))
            context.fireChannelReadComplete()
        }
        tellEnd(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        held = nil
        isInputClosed = false
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if held != nil {
            held?.writeBuffer(&bytes)
        } else if isReadWanted, bytes.readableBytes <= Self.portionByteCount {
            isReadWanted = false
            context.fireChannelRead(data)
        } else {
            // Of TLS, a few bytes come in a buffer of two records.
            held = bytes.storageCapacity > 4 * bytes.readableBytes ? ByteBuffer(bytes: bytes.readableBytesView) : bytes
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // The channel asks again after each read, so that what is held is handed on.
        context.fireChannelReadComplete()
        if isReadWanted { handOn(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed, held != nil {
            isInputClosed = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func read(context: ChannelHandlerContext) {
        isReadWanted = true
        if held == nil {
            context.read()
        } else {
            handOn(context)
        }
    }

    /// Hands on portions as long as they are asked for, and asks on behalf of the channel, which reads by itself.
    private func handOn(_ context: ChannelHandlerContext) {
        guard !isHandingOn else { return }
        isHandingOn = true
        defer { isHandingOn = false }
        while isReadWanted, var bytes = held,
            let portion = bytes.readSlice(length: min(Self.portionByteCount, bytes.readableBytes))
        {
            isReadWanted = false
            held = bytes.readableBytes > 0 ? bytes : nil
            context.fireChannelRead(wrapInboundOut(portion))
            context.fireChannelReadComplete()
            if held == nil { tellEnd(context) }
            context.pipeline.syncOperations.read()
        }
    }

    private func tellEnd(_ context: ChannelHandlerContext) {
        guard isInputClosed else { return }
        isInputClosed = false
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
}
