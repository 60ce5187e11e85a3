import NIOCore

/// A handler that passes the input of an HTTP connection to the parser in portions of at most 1 KiB, one per `read` of
/// the handlers behind it.
///
/// A request of 30 bytes takes about 1 KiB of memory once parsed, and the parser parses all the bytes it is given: a
/// whole read, or everything left in the socket when the peer has closed its half. Bytes that were not requested
/// therefore wait here, unparsed. The handler is removed when the connection becomes a WebSocket, because those
/// connections limit their own input.
final class HTTPInputThrottle: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The largest portion in bytes: about thirty of the smallest requests, or most of the head of an ordinary one.
    private static let portionByteCount = 1024

    /// Input that the handlers behind this one have not requested yet.
    private var held: ByteBuffer?
    /// True when the peer has closed its half while bytes are held. The event is passed on after these bytes.
    private var isInputClosed = false
    private var isReadWanted = false
    private var isForwarding = false

    func handlerRemoved(context: ChannelHandlerContext) {
        if let held {
            self.held = nil
            context.fireChannelRead(wrapInboundOut(held))
            context.fireChannelReadComplete()
        }
        forwardInputEnd(context)
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
            held = bytes
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // The channel calls `read` again after each completed read, which passes the held bytes on.
        context.fireChannelReadComplete()
        if isReadWanted { forward(context) }
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
            forward(context)
        }
    }

    /// Passes held bytes on, portion by portion, while the handlers behind this one request more. Triggers a `read`
    /// after each portion, because the channel itself does so only after it has read from the socket.
    private func forward(_ context: ChannelHandlerContext) {
        guard !isForwarding else { return }
        isForwarding = true
        defer { isForwarding = false }
        while isReadWanted, var bytes = held,
            let portion = bytes.readSlice(length: min(Self.portionByteCount, bytes.readableBytes))
        {
            isReadWanted = false
            held = bytes.readableBytes > 0 ? bytes : nil
            context.fireChannelRead(wrapInboundOut(portion))
            context.fireChannelReadComplete()
            if held == nil { forwardInputEnd(context) }
            context.pipeline.syncOperations.read()
        }
    }

    private func forwardInputEnd(_ context: ChannelHandlerContext) {
        guard isInputClosed else { return }
        isInputClosed = false
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
}
