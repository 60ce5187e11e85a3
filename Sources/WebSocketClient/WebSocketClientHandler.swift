import NIOCore
import NIOWebSocket

/// The channel handler of one connection after the handshake. It queues messages, answers control frames and performs
/// the closing handshake.
///
/// All its methods run on the channel's event loop.
final class WebSocketClientHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private enum State {
        case open
        /// The client has sent a Close frame and waits for the server's.
        case closing
        /// Both Close frames were exchanged, or the protocol was violated. The server should now close the socket.
        case closed
    }

    private enum Reading: Equatable {
        case free
        /// Reads are held back, because the message queue is full or reading is paused. `readWaits` is true when a read
        /// was requested in the meantime.
        case held(readWaits: Bool)
    }

    let queue: MessageQueue
    /// The code and reason of the server's Close frame, or 1006 if the connection ended without one; `nil` before that.
    private(set) var closure: WebSocketClosure?
    private let closeTimeout: TimeAmount
    private var assembler: FrameAssembler
    private var state = State.open
    private var reading = Reading.free
    private var hasDemand = true
    private var isPaused = false
    private var lastError: (any Error)?
    private var context: ChannelHandlerContext?
    /// Pings not yet answered, oldest first. A pong answers its own ping and all earlier ones.
    private var pings: CircularBuffer<(payload: UInt64, promise: EventLoopPromise<Void>)> = []
    private var nextPing: UInt64 = 0

    static let maxPendingPings = 64

    init(queue: MessageQueue, configuration: WebSocketClientConfiguration) {
        self.queue = queue
        assembler = FrameAssembler(maxMessageBytes: configuration.maxMessageBytes)
        closeTimeout = TimeAmount(configuration.closeTimeout)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state != .closed else { return }
        do throws(WebSocketClientError) {
            switch try assembler.receive(unwrapInboundIn(data)) {
            case .nothing: break
            case .message(let message):
                guard state == .open else { break }
                if !queue.offer(message) {
                    hasDemand = false
                    updateReading()
                }
            case .ping(let payload): send(.pong, payload)
            case .pong(let payload): answerPings(payload)
            case .close(let closure): receive(closure)
            }
        } catch {
            fail(error)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? NIOWebSocketError {
            fail(error == .invalidFrameLength ? .tooBig("the frame is too long") : .protocolError("\(error)"))
        } else {
            lastError = error
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    /// Holds reads back while the queue is full or reading is paused. The socket's buffers then fill up, and TCP flow
    /// control slows the server down.
    func read(context: ChannelHandlerContext) {
        if case .held = reading {
            reading = .held(readWaits: true)
        } else {
            context.read()
        }
    }

    // MARK: Requests from the client, on the event loop

    func demand() {
        hasDemand = true
        updateReading()
    }

    func setPaused(_ paused: Bool) {
        isPaused = paused
        updateReading()
    }

    func ping(_ promise: EventLoopPromise<Void>) {
        guard state == .open, pings.count < Self.maxPendingPings else {
            return promise.fail(WebSocketClientError.closed)
        }
        nextPing += 1
        pings.append((nextPing, promise))
        send(.ping, ByteBuffer(integer: nextPing))
    }

    /// Begins the closing handshake. Resumes reading so that the server's Close frame can arrive, and drops messages
    /// that arrive before it.
    func close(code: UInt16, reason: String) {
        guard state == .open else { return }
        state = .closing
        sendClose(code: code, reason: reason)
        setPaused(false)
        demand()
        closeSoon()
    }

    // MARK: Implementation

    private func updateReading() {
        if hasDemand, !isPaused {
            let waited = reading == .held(readWaits: true)
            reading = .free
            if waited { context?.read() }
        } else if reading == .free {
            reading = .held(readWaits: false)
        }
    }

    private func receive(_ closure: WebSocketClosure) {
        self.closure = closure
        // RFC 6455 section 5.5.1: the answer usually echoes the code. The server then closes the socket.
        if state == .open { sendClose(code: closure.code, reason: "") }
        state = .closed
        queue.finish(.success(()))
        closeSoon()
    }

    private func fail(_ error: WebSocketClientError) {
        guard state != .closed else { return }
        if state == .open, case .protocolViolation(let code, let reason) = error {
            sendClose(code: code, reason: reason)
        }
        state = .closed
        queue.finish(.failure(error))
        context?.close(promise: nil)
    }

    private func end() {
        let wasOrderly = state != .open
        state = .closed
        if closure == nil { closure = WebSocketClosure(code: 1006, reason: "") }
        let reason = lastError.map { "\($0)" } ?? "the server closed it without a Close frame"
        queue.finish(wasOrderly ? .success(()) : .failure(WebSocketClientError.connectionLost(reason)))
        while let ping = pings.popFirst() { ping.promise.fail(WebSocketClientError.closed) }
    }

    private func answerPings(_ payload: ByteBuffer) {
        guard payload.readableBytes == 8, let number = payload.getInteger(at: payload.readerIndex, as: UInt64.self)
        else { return }
        while let ping = pings.first, ping.payload <= number {
            pings.removeFirst()
            ping.promise.succeed()
        }
    }

    private func sendClose(code: UInt16, reason: String) {
        var data = ByteBuffer()
        if code != 1005 {
            data.writeInteger(code)
            data.writeString(Self.cut(reason, bytes: 123))
        }
        send(.connectionClose, data)
    }

    /// Shortens a text without splitting characters. Control frames carry at most 125 bytes (RFC 6455 section 5.5).
    private static func cut(_ text: String, bytes: Int) -> String {
        var text = text
        while text.utf8.count > bytes { text.removeLast() }
        return text
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        guard let context else { return }
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func closeSoon() {
        guard let context else { return }
        let channel = context.channel
        let timer = context.eventLoop.scheduleTask(in: closeTimeout) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in timer.cancel() }
    }
}
