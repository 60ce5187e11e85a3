import NIOCore

/// Passes the bytes of an HTTP connection on in small portions, each when the handlers behind it call `read`.
///
/// A request of thirty bytes takes 1 KiB once it is parsed. The parser takes everything it is given: a whole read, and
/// everything in the socket when the peer has closed its half. So the bytes wait here instead. The gate is removed on
/// the upgrade to a WebSocket, whose decoder stops by itself.
final class HTTPInputThrottle: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// About thirty of the smallest requests, or most of the head of an ordinary one.
    private static let portionByteCount = 1024

    /// Bytes that have not been requested yet.
    private var held: ByteBuffer?
    /// True when the peer has closed its half; the event is passed on after the held bytes.
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
            // TLS delivers even a few bytes in a buffer of two records; copy them to release it.
            held = bytes.storageCapacity > 4 * bytes.readableBytes ? ByteBuffer(bytes: bytes.readableBytesView) : bytes
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // The channel calls `read` again after each completed read, which passes the held bytes on.
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

    /// Passes portions on while the handlers ask for more. Calls `read` for the channel, which does so itself only
    /// after reading from the socket.
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
