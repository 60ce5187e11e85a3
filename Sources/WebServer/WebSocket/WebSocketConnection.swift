import CoreMetrics
import DequeModule
import Logging
import NIOCore
import Realtime
import Services
import Telemetry

/// One WebSocket client: the only handler in its channel's pipeline after the upgrade.
///
///     bytes ──▶ WebSocketDecoder ──▶ commands, one at a time ──▶ CommandRouter ──▶ services
///     bytes ◀────────────────────── whole frames ◀────────────── HubShard (ClientSink)
///
/// No task, no stream and no frame encoder per connection: an idle client costs a few kilobytes. Everything happens
/// on the channel's event loop.
final class WebSocketConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Talking.
        case open
        /// The gateway shuts down: what waits still goes out, then the close frame.
        case draining
        /// Our close frame is out; waiting for the peer's, or for the timeout.
        case closing
        case closed
    }

    private let environment: ConnectionEnvironment
    /// Whom the gate let in; ``session`` has what became of it.
    private let admitted: Identity
    private let shard: HubShard
    private var context: ChannelHandlerContext?
    private var client: HubClient? { session?.client }
    private var session: ClientSession?
    private var phase = Phase.open
    private var closeLabel: String?

    private var decoder: WebSocketDecoder
    /// Bytes of a frame whose rest has not come yet.
    private var partial: ByteBuffer?
    /// After a violation nothing that follows has a meaning.
    private var isDeaf = false
    private var heartbeat: Heartbeat
    private(set) var roundTripTime: TimeAmount?
    private var bucket: TokenBucket
    private var pending = Deque<ClientCommand>()
    private var isPerforming = false
    private var isReadHeld = false
    private var isOverQuota = false
    private let openedAt: NIODeadline

    init(identity: Identity, shard: HubShard, environment: ConnectionEnvironment) {
        let now = shard.eventLoop.now
        self.admitted = identity
        self.shard = shard
        self.environment = environment
        self.decoder = WebSocketDecoder(maxMessageBytes: environment.limits.maxMessageBytes)
        self.heartbeat = Heartbeat(configuration: environment.heartbeat, now: now)
        self.bucket = TokenBucket(burst: environment.limits.commandBurst, now: now)
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
            isOverQuota = true
            return close(code: .connectionLimit, reason: "more connections of this user than are allowed")
        }
        // Commands wait until `welcome` is out.
        isPerforming = true
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        environment.services.notifications.open(client, on: shard) { inbox in
            connection.value.welcome(client: connection.value.client, inbox)
        } completion: {
            connection.value.commandDone()
        }
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
        guard !isDeaf else { return }
        var bytes = unwrapInboundIn(data)
        if var partial {
            self.partial = nil
            partial.writeBuffer(&bytes)
            bytes = partial
        }
        do throws(WebSocketViolation) {
            while phase != .closed, let event = try decoder.next(from: &bytes) { receive(event) }
        } catch {
            return violated(error)
        }
        if bytes.readableBytes > 0, phase != .closed {
            bytes.discardReadBytes()
            partial = bytes
        }
    }

    func read(context: ChannelHandlerContext) {
        // A client whose commands pile up is read no further until they are done.
        if pending.count >= environment.limits.maxPendingCommands {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        heartbeat.writabilityChanged(isWritable: isWritable, now: shard.eventLoop.now)
        guard isWritable, let client else { return }
        shard.resume(client)
        if phase == .draining, client.queuedByteCount == 0 { sendClose(.goingAway, "the gateway shuts down") }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: drain()
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        environment.logger.debug("A WebSocket connection failed", metadata: metadata(["error": "\(error)"]))
        context.close(promise: nil)
    }

    // MARK: What the client says

    private func receive(_ event: WebSocketDecoder.Event) {
        defer { heartbeat.heard() }
        switch event {
        case .text(let text): if phase == .open { received(text) }
        case .binary: close(code: .unacceptableData, reason: "messages are JSON in text frames")
        case .ping(let payload): writeAndFlush(ServerFrame.frame(.pong, payload: payload))
        case .pong: roundTripTime = heartbeat.roundTripTime(at: shard.eventLoop.now) ?? roundTripTime
        case .close(let code):
            if phase == .open || phase == .draining {
                closeLabel = "by_client"
                writeAndFlush(ServerFrame.close(code: code ?? CloseCode.normalClosure.rawValue, reason: ""))
            }
            context?.close(promise: nil)
        }
    }

    private func received(_ text: String) {
        environment.metrics.received.increment()
        let limits = environment.limits
        let now = environment.clock.now()
        do throws(CommandError) {
            switch bucket.take(
                perSecond: limits.commandsPerSecond, burst: limits.commandBurst, now: shard.eventLoop.now)
            {
            case .allowed:
                guard environment.quota.takeCommand(of: admitted.user, now: shard.eventLoop.now) else {
                    environment.metrics.rateLimited.increment()
                    throw userRateLimitError
                }
            case .refused:
                environment.metrics.rateLimited.increment()
                throw rateLimitError
            case .abusive:
                answer(rateLimitError, to: nil)
                return close(code: .rateLimited, reason: "more than \(limits.commandsPerSecond) commands a second")
            }
            pending.append(try ClientCommand(json: text, receivedAt: now))
            performNext()
        } catch {
            answer(error, to: error.code == .rateLimited ? nil : ClientCommand.id(ofInvalid: text))
        }
    }

    private var rateLimitError: CommandError {
        let limits = environment.limits
        return CommandError(
            .rateLimited,
            "At most \(limits.commandsPerSecond) commands a second are allowed, \(limits.commandBurst) at once.",
            isTemporary: true)
    }

    private var userRateLimitError: CommandError {
        CommandError(
            .rateLimited,
            "All clients of a user together may send \(environment.limits.userCommandsPerSecond) commands a second.",
            isTemporary: true)
    }

    private func performNext() {
        guard !isPerforming, phase == .open, let session, let command = pending.popFirst() else { return }
        isPerforming = true
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        environment.router.perform(command, in: session) { connection.value.commandDone() }
    }

    private func commandDone() {
        isPerforming = false
        if isReadHeld, pending.count < environment.limits.maxPendingCommands {
            isReadHeld = false
            context?.read()
        }
        performNext()
    }

    private func answer(_ error: CommandError, to id: String?) {
        environment.metrics.commandFailed(error.code)
        guard let client else { return }
        shard.send([error.message(replyTo: id, at: environment.clock.now())], to: client)
    }

    private func violated(_ violation: WebSocketViolation) {
        isDeaf = true
        if violation.code == .messageTooBig {
            answer(
                CommandError(.tooLarge, "A message may have at most \(environment.limits.maxMessageBytes) bytes."),
                to: nil)
        }
        environment.logger.info(
            "A client broke the WebSocket protocol", metadata: metadata(["reason": "\(violation.reason)"]))
        close(code: violation.code, reason: violation.reason)
    }

    private func welcome(client: HubClient?, _ inbox: NotificationService.Inbox?) -> Message {
        let now = environment.clock.now()
        var limits = JSONObjectBuilder()
        limits.add("message_bytes", environment.limits.maxMessageBytes)
        limits.add("queue_bytes", environment.queueBytes)
        limits.add("rooms", environment.limits.maxRooms)
        limits.add("commands_per_second", environment.limits.commandsPerSecond)
        var payload = JSONObjectBuilder()
        payload.add("client_id", client?.id ?? "")
        payload.add("user_id", admitted.user)
        payload.add("server_time", now.millisecondsSinceEpoch)
        payload.add("ping_interval_s", Double(environment.heartbeat.pingInterval.nanoseconds) / 1e9)
        payload.add("limits", object: limits.finished())
        if let inbox {
            payload.add("unread", inbox.unreadCount)
            var position = JSONObjectBuilder()
            position.add("offset", Int(inbox.position.offset))
            position.add("epoch", inbox.position.epoch)
            payload.add("inbox", object: position.finished())
        }
        return Message(type: .welcome, payload: payload.finished(), timestamp: now)
    }

    // MARK: Ending

    private func drain() {
        guard phase == .open else { return }
        phase = .draining
        guard let client, client.queuedByteCount > 0 else {
            return sendClose(.goingAway, "the gateway shuts down")
        }
        after(environment.limits.drainTimeout) { connection in
            if connection.phase == .draining { connection.sendClose(.goingAway, "the gateway shuts down") }
        }
    }

    private func sendClose(_ code: CloseCode, _ reason: String) {
        guard phase == .open || phase == .draining else { return }
        phase = .closing
        closeLabel = code.label
        if let client { shard.disconnect(client) }
        writeAndFlush(ServerFrame.close(code: code.rawValue, reason: reason))
        after(closeTimeout(code)) { $0.context?.close(promise: nil) }
    }

    /// A slow client must read what is before the close frame to learn why it ends: it is given the time that a socket
    /// may be stuck.
    private func closeTimeout(_ code: CloseCode) -> TimeAmount {
        let usual = environment.limits.closeTimeout
        return code == .slowClient ? max(usual, min(environment.heartbeat.writeTimeout, .seconds(10))) : usual
    }

    private func finish() {
        guard phase != .closed else { return }
        phase = .closed
        partial = nil
        pending.removeAll()
        if let client { shard.disconnect(client) }
        if !isOverQuota { environment.quota.disconnect(admitted.user) }
        let label = closeLabel ?? "lost"
        environment.metrics.connectionClosed(label)
        let isExpected = ["by_client", CloseCode.goingAway.label, CloseCode.normalClosure.label].contains(label)
        environment.logger.log(
            level: isExpected ? .debug : .info, "A WebSocket connection ended",
            metadata: metadata(["reason": "\(label)"]))
        session = nil
    }

    private func after(_ delay: TimeAmount, _ action: @escaping @Sendable (WebSocketConnection) -> Void) {
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        shard.eventLoop.scheduleTask(in: delay) { action(connection.value) }
    }

    private func writeAndFlush(_ frame: ByteBuffer) {
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

// MARK: The socket as the hub sees it

extension WebSocketConnection: ClientSink {
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ frames: ByteBuffer) {
        guard phase == .open || phase == .draining else { return }
        context?.write(wrapOutboundOut(frames), promise: nil)
    }

    func flush() {
        context?.flush()
    }

    func close(code: CloseCode, reason: String) {
        sendClose(code, reason)
    }

    func sweep(at now: NIODeadline) {
        if let session, environment.clock.now() >= session.identity.expiresAt {
            return close(code: .tokenExpired, reason: "the token has expired")
        }
        switch heartbeat.sweep(at: now) {
        case .nothing: break
        case .sendPing: writeAndFlush(ServerFrame.frame(.ping, payload: ByteBuffer()))
        case .closeSilent: close(code: .noPong, reason: "no pong came in time")
        case .closeStuck: close(code: .slowClient, reason: "the socket took no bytes for too long")
        }
    }
}
