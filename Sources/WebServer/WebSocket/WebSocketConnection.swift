import Core
import CoreMetrics
import Logging
import NIOCore
import Realtime
import Services

/// One WebSocket client: the only handler in its channel's pipeline after the upgrade.
///
///     bytes ──▶ WebSocketInput ──▶ CommandQueue, one at a time ──▶ CommandRouter ──▶ services
///     bytes ◀───────────────────── whole frames ◀───────────────── HubShard (ClientSink)
///
/// A connection has no task, stream or frame encoder of its own, so an idle client costs a few kilobytes. Everything
/// happens on the channel's event loop.
final class WebSocketConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private let environment: ConnectionEnvironment
    /// The identity at the upgrade; ``session`` has the current one.
    private let admitted: Identity
    private let shard: HubShard
    private let openedAt: NIODeadline
    private var context: ChannelHandlerContext?
    private var session: ClientSession?
    private var state = ConnectionState.open
    /// Input that is not decoded yet. It is more than the beginning of a frame when the client may not be read, or when
    /// the peer has closed its half: NIO then reads everything that the peer had sent, whether requested or not.
    private var input: WebSocketInput
    private var commands = CommandQueue()
    private var rate: CommandRate
    private var unread = UnreadRequests()
    private var heartbeat: Heartbeat
    private(set) var roundTripTime: TimeAmount?
    /// True while ``input`` is being decoded. NIO continues to read when a write fails, so more input may arrive
    /// meanwhile.
    private var isDecoding = false
    /// True when a read was requested while the client may not be read.
    private var isReadHeld = false

    private var client: HubClient? { session?.client }

    init(identity: Identity, shard: HubShard, environment: ConnectionEnvironment) {
        let now = shard.eventLoop.now
        self.admitted = identity
        self.shard = shard
        self.environment = environment
        self.input = WebSocketInput(maxMessageBytes: environment.limits.maxMessageBytes)
        self.heartbeat = Heartbeat(configuration: environment.heartbeat, now: now)
        self.rate = CommandRate(limits: environment.limits, now: now)
        self.openedAt = now
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let client = shard.connect(
            id: environment.ids.next(), user: admitted.user, address: context.remoteAddress?.ipAddress, sink: self)
        session = ClientSession(client: client, shard: shard, identity: admitted)
        environment.metrics.connectionOpened()
        guard environment.quota.connect(admitted.user) else {
            return close(code: .connectionLimit, reason: "too many connections from this user")
        }
        // Commands wait until `welcome` has been sent.
        commands.begin()
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        environment.open(client, on: shard) { connection.value.commandDone() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state.decodesInput else { return }
        input.append(unwrapInboundIn(data))
        decode()
    }

    func read(context: ChannelHandlerContext) {
        if mayRead {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        heartbeat.writabilityChanged(isWritable: isWritable, now: shard.eventLoop.now)
        guard isWritable else { return }
        if let payload = unread.clear() { writeControl(ServerFrame.frame(.pong, payload: payload)) }
        if let client { shard.resume(client) }
        if state.isDraining, client?.queuedByteCount == 0 { sendShutdown() }
        readHeld()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: drain()
        case ChannelEvent.inputClosed: peerEnded(.halfClosed)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        environment.logger.debug("A WebSocket connection failed", metadata: metadata(["error": "\(error)"]))
        context.close(promise: nil)
    }

    // MARK: Input

    /// True unless too many commands or bytes of them are pending, or the client sends requests without reading the
    /// answers. After our close frame the client is always read, because its close frame is awaited.
    private var mayRead: Bool {
        let limits = environment.limits
        return state.isClosing || commands.hasRoom(within: limits) && unread.hasRoom(within: limits)
    }

    /// Decodes the input while the client may be read.
    private func decode() {
        guard !isDecoding else { return }
        isDecoding = true
        defer { isDecoding = false }
        do throws(WebSocketViolation) {
            while state.decodesInput, mayRead, let event = try input.next() { receive(event) }
        } catch {
            violated(error)
        }
        if state.decodesInput {
            input.compact()
        } else {
            input.removeAll()
        }
    }

    /// Resumes decoding and reading if nothing prevents them any more.
    private func readHeld() {
        if !input.isEmpty, mayRead { decode() }
        guard isReadHeld, mayRead else { return }
        isReadHeld = false
        context?.read()
    }

    private func receive(_ event: WebSocketDecoder.Event) {
        defer { heartbeat.heard() }
        if !isWritable { unread.add() }
        switch event {
        case .text(let text):
            if state.runsCommands {
                received(text)
            } else {
                // The message is ignored, but it still counts against the rate limit.
                _ = takeControlFrame()
            }
        case .binary: close(code: .unacceptableData, reason: "a binary message; expected JSON in text frames")
        case .ping(let payload): if takeControlFrame() { answerPing(payload) }
        case .pong:
            if takeControlFrame() { roundTripTime = heartbeat.roundTripTime(at: shard.eventLoop.now) ?? roundTripTime }
        case .close(let code): peerEnded(.closeFrame(code: code ?? CloseCode.normalClosure.rawValue))
        }
    }

    /// Answers a ping. While the socket accepts no bytes, only the latest ping is kept for an answer (RFC 6455 section
    /// 5.5.3).
    private func answerPing(_ payload: ByteBuffer) {
        guard state.allowsWriting else { return }
        if isWritable {
            writeControl(ServerFrame.frame(.pong, payload: payload))
        } else {
            unread.store(ping: payload)
        }
    }

    private func violated(_ violation: WebSocketViolation) {
        if violation.code == .messageTooBig {
            answer(
                CommandError(
                    .tooLarge,
                    "The message is too large; allowed: at most \(environment.limits.maxMessageBytes) bytes."),
                to: nil)
        }
        environment.logger.info(
            "A client violated the WebSocket protocol", metadata: metadata(["reason": "\(violation.reason)"]))
        sendClose(violation.code, violation.reason, ignoringInput: true)
    }

    // MARK: Commands

    private func received(_ text: String) {
        environment.metrics.received.increment()
        switch rate.charge(command: text, of: admitted.user, in: environment, at: shard.eventLoop.now) {
        case .allowed:
            commands.append(text, receivedAt: environment.clock.now())
            performNext()
        case .refused(let error): answer(error, to: ClientCommand.id(ofRefused: text))
        case .abusive(let error):
            answer(error, to: nil)
            closeAbusive()
        }
    }

    /// Counts a ping or a pong as a command in the client's rate limit, and returns false if it must be ignored. Closes
    /// the connection if the client has kept exceeding the limit.
    private func takeControlFrame() -> Bool {
        let decision = rate.charge(1, in: environment, at: shard.eventLoop.now)
        if decision == .abusive { closeAbusive() }
        return decision == .allowed
    }

    private func closeAbusive() {
        sendClose(
            .rateLimited,
            "too many commands and control frames; allowed: \(environment.limits.commandsPerSecond) per second",
            ignoringInput: true)
    }

    /// Runs pending commands until one of them has to wait.
    private func performNext() {
        guard commands.beginStarting() else { return }
        defer { commands.endStarting() }
        while state.runsCommands, let session, let (text, receivedAt) = commands.popFirst() {
            guard !closeIfExpired() else { return }
            do throws(CommandError) {
                let command = try ClientCommand(json: text, receivedAt: receivedAt)
                commands.begin()
                let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
                environment.perform(command, in: session) {
                    connection.value.state.runsCommands
                } completion: {
                    connection.value.commandDone()
                }
            } catch {
                answer(error, to: error.commandID)
            }
        }
    }

    private func commandDone() {
        commands.finish()
        performNext()
        if let end = state.peerEnd, !commands.hasCommands { return endWithPeer(end) }
        readHeld()
    }

    private func answer(_ error: CommandError, to id: String?) {
        environment.metrics.commandFailed(error.code)
        guard let client else { return }
        shard.send([error.message(replyTo: id, at: environment.clock.now())], to: client)
    }

    // MARK: Ending

    /// Closes the connection at the shutdown of the server, after the client's queued messages have been sent.
    ///
    /// Messages published before the shutdown may still be in the shard's mailbox, so these are delivered to the queue
    /// first.
    private func drain() {
        guard state.runsCommands, let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        shard.afterPublished { bound.value.drainQueue() }
    }

    private func drainQueue() {
        guard state.drain() else { return }
        guard let client, client.queuedByteCount > 0 else { return sendShutdown() }
        after(environment.limits.drainTimeout) { connection in
            if connection.state.isDraining { connection.sendShutdown() }
        }
    }

    private func sendShutdown() {
        sendClose(.goingAway, "the gateway is shutting down")
    }

    /// Handles the end of the peer's input. The peer's pending commands still run, for at most the close timeout.
    private func peerEnded(_ end: ConnectionState.PeerEnd) {
        switch state.peerEnded(end, hasCommands: commands.hasCommands) {
        case .finishCommands: after(environment.limits.closeTimeout) { $0.endWithPeer(end) }
        case .wait: break
        case .end: endWithPeer(end)
        }
    }

    /// Answers the peer's close frame, if there was one, and closes the connection.
    private func endWithPeer(_ end: ConnectionState.PeerEnd) {
        if let code = state.end(after: end) { send(ServerFrame.close(code: code, reason: "")) }
        context?.close(promise: nil)
    }

    /// Sends a close frame and schedules the end of the connection.
    ///
    /// - Parameters:
    ///   - isStuck: True when the socket accepts no bytes at all, so that waiting for it is useless.
    ///   - ignoringInput: True when further input of the peer is dropped.
    private func sendClose(
        _ code: CloseCode, _ reason: String, isStuck: Bool = false, ignoringInput: Bool = false
    ) {
        guard state.close(code, ignoringInput: ignoringInput) else { return }
        if let client { shard.disconnect(client) }
        send(ServerFrame.close(code: code.rawValue, reason: reason))
        after(isStuck ? environment.limits.closeTimeout : environment.closeTimeout(after: code)) {
            $0.context?.close(promise: nil)
        }
    }

    private func finish() {
        guard let reason = state.finish() else { return }
        input.removeAll()
        commands.removeAll()
        if let client { shard.disconnect(client) }
        // A connection above the user's limit was not counted.
        if reason != .byGateway(.connectionLimit) { environment.quota.disconnect(admitted.user) }
        environment.metrics.connectionClosed(reason.label)
        environment.logger.log(
            level: reason.isExpected ? .debug : .info, "A WebSocket connection ended",
            metadata: metadata(["reason": "\(reason.label)"]))
        session = nil
    }

    private func after(_ delay: TimeAmount, _ action: @escaping @Sendable (WebSocketConnection) -> Void) {
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        shard.eventLoop.scheduleTask(in: delay) { action(connection.value) }
    }

    /// Writes a control frame, unless our close frame has been sent.
    private func writeControl(_ frame: ByteBuffer) {
        if state.allowsWriting { send(frame) }
    }

    /// Writes a frame in any state. The write may call back into this handler, so the state must have changed before.
    private func send(_ frame: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func metadata(_ more: Logger.Metadata) -> Logger.Metadata {
        let seconds = Double((shard.eventLoop.now - openedAt).nanoseconds) / 1e9
        let own: Logger.Metadata = [
            "client": "\(client?.id ?? "-")", "user": "\(admitted.user)", "open_s": "\(seconds.rounded())",
        ]
        return own.merging(more) { $1 }
    }
}

/// The connection as the hub's shard sees it.
extension WebSocketConnection: ClientSink {
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ frames: ByteBuffer) {
        if state.allowsWriting { context?.write(wrapOutboundOut(frames), promise: nil) }
    }

    func flush() {
        context?.flush()
    }

    func close(code: CloseCode, reason: String) {
        sendClose(code, reason)
    }

    func chargeReplay(_ cost: Int) -> TimeAmount {
        environment.quota.chargeReplay(cost, to: admitted.user, now: shard.eventLoop.now)
    }

    /// Closes a connection whose token has expired or whose share was revoked, and returns true if so.
    private func closeIfExpired() -> Bool {
        guard let end = session?.identity.end(at: environment.clock.now()) else { return false }
        close(code: end.code, reason: end.reason)
        return true
    }

    func sweep(at now: NIODeadline) {
        guard !closeIfExpired() else { return }
        switch heartbeat.sweep(at: now) {
        case .nothing: break
        case .sendPing: writeControl(ServerFrame.frame(.ping, payload: ByteBuffer()))
        case .closeSilent: close(code: .noPong, reason: "no pong was received in time")
        case .closeStuck: sendClose(.slowClient, "the socket accepted no data for too long", isStuck: true)
        }
    }
}
