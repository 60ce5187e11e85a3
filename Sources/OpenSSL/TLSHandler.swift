package import NIOCore

/// The TLS of one connection: decrypts what the socket receives and encrypts what the handlers behind it write.
///
/// A peer that ends its half with `close_notify` is reported as ``ChannelEvent/inputClosed``. A connection that ends
/// without it may have been cut by a third party (RFC 8446 section 6.1), so it is an error and the channel closes.
package final class TLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private enum State {
        case handshaking
        case open
        /// The peer has sent `close_notify`.
        case inputClosed
        /// `close_notify` has been sent.
        case outputClosed
        /// Both sides have sent `close_notify`. The channel closes when the socket has taken what was written before, or
        /// when time is up.
        case draining(Scheduled<Void>?)
        /// `close_notify` has been sent and the channel closes: with the peer's `close_notify`, or when time is up.
        case closing(Scheduled<Void>)
        case closed
    }

    /// The time that a peer has to answer `close_notify`. Closing earlier could discard what it has not received yet.
    private static let closingTime = TimeAmount.milliseconds(50)
    /// The time that a peer which has sent `close_notify` has to take what was written before ours.
    private static let drainTime = TimeAmount.seconds(5)
    /// The most data of a record (RFC 8446 section 5.1).
    private static let recordBytes = 16 * 1024

    private let session: TLSSession
    private var state = State.handshaking
    private var writes = MarkedCircularBuffer<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)>(initialCapacity: 0)
    private var closePromise: EventLoopPromise<Void>?
    /// True when the output closes as soon as the handshake is complete and what was flushed is encrypted.
    private var isOutputClosePending = false
    private var outputClosePromise: EventLoopPromise<Void>?
    /// True when data was passed on since the channel last completed a read.
    private var hasPassedOn = false

    /// Creates the handler of a server's connection.
    package init(server context: TLSContext) throws(TLSError) {
        session = try TLSSession(context, peer: nil)
    }

    /// Creates the handler of a client's connection.
    ///
    /// - Parameter host: The host name or IP address that the server's certificate must be for.
    package init(client context: TLSContext, host: String) throws(TLSError) {
        session = try TLSSession(context, peer: host)
    }

    // MARK: Life of the channel

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { shakeHands(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        if case .handshaking = state { shakeHands(context) }
        context.fireChannelActive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        switch state {
        case .handshaking: context.fireErrorCaught(TLSError(.handshake, "the peer closed the connection"))
        case .open, .outputClosed: context.fireErrorCaught(Self.truncation)
        case .inputClosed, .draining, .closing, .closed: break
        }
        end()
        context.fireChannelInactive()
    }

    private static let truncation = TLSError(.connection, "the connection ended without close_notify")

    /// Enters the last state: fails what has not been written and tells who waits for the channel to close.
    private func end() {
        switch state {
        case .draining(let deadline?), .closing(let deadline): deadline.cancel()
        case .handshaking, .open, .inputClosed, .outputClosed, .draining, .closed: break
        }
        state = .closed
        failWrites(ChannelError.ioOnClosedChannel)
        closePromise.take()?.succeed()
        outputClosePromise.take()?.fail(ChannelError.ioOnClosedChannel)
    }

    private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
        state = .closed
        // OpenSSL has written the alert for the peer.
        sendOutput(context, promise: nil)
        end()
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    // MARK: Input

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .closed = state { return }
        do throws(TLSError) {
            try session.receive(unwrapInboundIn(data))
            if case .handshaking = state {
                shakeHands(context)
                if case .handshaking = state { return }
            }
            try decrypt(context)
        } catch {
            fail(context, error)
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        if hasPassedOn {
            hasPassedOn = false
            context.fireChannelReadComplete()
        } else if (try? context.channel.syncOptions?.getOption(.autoRead)) == false {
            // The read that was asked for has brought no data yet.
            context.read()
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event as? ChannelEvent == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        switch state {
        case .handshaking: fail(context, TLSError(.handshake, "the peer closed the connection"))
        case .open, .outputClosed: fail(context, Self.truncation)
        case .closing: closeNow(context)
        case .inputClosed, .draining, .closed: break
        }
    }

    private func shakeHands(_ context: ChannelHandlerContext) {
        do throws(TLSError) {
            let isComplete = try session.handshake()
            sendOutput(context, promise: nil)
            // A failed write may have closed the channel.
            guard isComplete, case .handshaking = state else { return }
            state = .open
            try encrypt(context)
        } catch {
            return fail(context, error)
        }
        if isOutputClosePending { close(context: context, mode: .output, promise: outputClosePromise.take()) }
    }

    /// Decrypts what was received and passes it on. Data that arrives while the channel is closing is discarded.
    private func decrypt(_ context: ChannelHandlerContext) throws(TLSError) {
        var data = ByteBuffer()
        var hasEnded = false
        let failure = withUnsafeTemporaryAllocation(byteCount: Self.recordBytes, alignment: 1) { record -> TLSError? in
            do throws(TLSError) {
                while true {
                    switch try session.read(into: record) {
                    case .bytes(let count): data.writeBytes(UnsafeRawBufferPointer(rebasing: record[..<count]))
                    case .incomplete: return nil
                    case .end:
                        hasEnded = true
                        return nil
                    }
                }
            } catch {
                return error
            }
        }
        // An answer of OpenSSL, such as to a key update.
        sendOutput(context, promise: nil)
        if case .closing = state {
            if hasEnded || failure != nil { closeNow(context) }
            return
        }
        if data.readableBytes > 0 {
            hasPassedOn = true
            context.fireChannelRead(wrapInboundOut(data))
        }
        if let failure { throw failure }
        if hasEnded { inputEnded(context) }
    }

    private func inputEnded(_ context: ChannelHandlerContext) {
        let wasOpen: Bool
        switch state {
        case .open: wasOpen = true
        case .outputClosed: wasOpen = false
        case .handshaking, .inputClosed, .draining, .closing, .closed: return
        }
        state = .inputClosed
        if hasPassedOn {
            hasPassedOn = false
            context.fireChannelReadComplete()
        }
        let mayStayHalfOpen = (try? context.channel.syncOptions?.getOption(.allowRemoteHalfClosure)) == true
        if mayStayHalfOpen { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        // The handlers that were called may have closed the channel.
        guard case .inputClosed = state else { return }
        if !wasOpen {
            closeNow(context)
        } else if !mayStayHalfOpen {
            close(context: context, mode: .all, promise: nil)
        }
    }

    // MARK: Output

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch state {
        case .handshaking where isOutputClosePending: promise?.fail(ChannelError.outputClosed)
        case .handshaking, .open, .inputClosed: writes.append((unwrapOutboundIn(data), promise))
        case .outputClosed, .draining, .closing: promise?.fail(ChannelError.outputClosed)
        case .closed: promise?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    package func flush(context: ChannelHandlerContext) {
        writes.mark()
        switch state {
        case .open, .inputClosed:
            do throws(TLSError) {
                try encrypt(context)
            } catch {
                fail(context, error)
            }
        case .handshaking: break
        case .outputClosed, .draining, .closing, .closed: context.flush()
        }
    }

    /// Encrypts and sends what was flushed. Small writes share records, each of which would cost 22 bytes and more.
    private func encrypt(_ context: ChannelHandlerContext) throws(TLSError) {
        guard writes.hasMark else { return }
        var promise: EventLoopPromise<Void>?
        let failure = withUnsafeTemporaryAllocation(byteCount: Self.recordBytes, alignment: 1) { record -> TLSError? in
            var count = 0
            do throws(TLSError) {
                while writes.hasMark, let (bytes, written) = writes.popFirst() {
                    promise.setOrCascade(to: written)
                    if count + bytes.readableBytes > record.count {
                        try session.write(UnsafeRawBufferPointer(rebasing: record[..<count]))
                        count = 0
                    }
                    if bytes.readableBytes > record.count {
                        session.reserveOutput(for: bytes.readableBytes)
                        try bytes.withUnsafeReadableBytes { bytes throws(TLSError) in try session.write(bytes) }
                    } else {
                        bytes.withUnsafeReadableBytes { bytes in
                            UnsafeMutableRawBufferPointer(rebasing: record[count...]).copyMemory(from: bytes)
                        }
                        count += bytes.readableBytes
                    }
                }
                try session.write(UnsafeRawBufferPointer(rebasing: record[..<count]))
                return nil
            } catch {
                return error
            }
        }
        sendOutput(context, promise: promise)
        if let failure { throw failure }
    }

    private func sendOutput(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        // An empty write is passed on too: its promise tells that all writes before it are done.
        let output = session.takeOutput()
        guard output != nil || promise != nil else { return }
        context.writeAndFlush(wrapOutboundOut(output ?? ByteBuffer()), promise: promise)
    }

    private func failWrites(_ error: any Error) {
        while let (_, promise) = writes.popFirst() { promise?.fail(error) }
    }

    // MARK: Closing

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (mode, state) {
        case (.input, _): promise?.fail(ChannelError.operationUnsupported)
        case (_, .closed):
            context.close(mode: mode, promise: promise)
        case (.output, .handshaking):
            isOutputClosePending = true
            outputClosePromise.setOrCascade(to: promise)
        case (_, .handshaking):
            end()
            context.close(promise: promise)
        case (.output, .open):
            state = .outputClosed
            closeOutput(context)
            context.close(mode: .output, promise: promise)
        case (.output, .outputClosed): promise?.fail(ChannelError.outputClosed)
        case (_, .inputClosed):
            closePromise.setOrCascade(to: promise)
            state = .draining(mode == .all ? scheduleEnd(context, in: Self.drainTime) : nil)
            // Not closed by mode: NIO closes a channel whose input has ended completely, with its pending writes.
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { [self] _ in closeNow(context) }
            closeOutput(context, promise: written)
        case (_, .open), (_, .outputClosed):
            let wasOpen = if case .open = state { true } else { false }
            closePromise.setOrCascade(to: promise)
            state = .closing(scheduleEnd(context, in: Self.closingTime))
            if wasOpen { closeOutput(context) }
            // The peer's `close_notify` is awaited, whoever else reads or does not.
            context.read()
        case (.all, .draining(nil)):
            closePromise.setOrCascade(to: promise)
            state = .draining(scheduleEnd(context, in: Self.drainTime))
        case (_, .closing), (_, .draining): closePromise.setOrCascade(to: promise)
        }
    }

    /// Sends everything that was written, flushed or not, and then `close_notify`. The sends may call back, so the state
    /// must have changed before.
    private func closeOutput(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>? = nil) {
        writes.mark()
        // After a failure there is nothing more to send than the alert that OpenSSL has written.
        try? encrypt(context)
        session.closeOutput()
        sendOutput(context, promise: promise)
    }

    private func scheduleEnd(_ context: ChannelHandlerContext, in time: TimeAmount) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in closeNow(context) }
    }

    private func closeNow(_ context: ChannelHandlerContext) {
        if case .closed = state { return }
        let promise = closePromise.take()
        end()
        context.close(promise: promise)
    }
}
