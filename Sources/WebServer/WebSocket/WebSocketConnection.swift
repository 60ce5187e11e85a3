import Core
import CoreMetrics
import DequeModule
import Logging
import NIOCore
import Realtime
import Services

/// One WebSocket client: the only handler in its channel's pipeline after the upgrade.
///
///     bytes ──▶ WebSocketDecoder ──▶ commands, one at a time ──▶ CommandRouter ──▶ services
///     bytes ◀────────────────────── whole frames ◀────────────── HubShard (ClientSink)
///
/// A connection has no task, stream or frame encoder of its own, so an idle client costs a few kilobytes. Everything
/// happens on the channel's event loop.
final class WebSocketConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Commands and messages flow.
        case open
        /// The gateway is shutting down: queued messages are sent, then the close frame.
        case draining
        /// Our close frame has been sent; waiting for the peer's, or for the timeout.
        case closing
        case closed
    }

    let environment: ConnectionEnvironment
    /// The identity at the upgrade; ``session`` has the current one.
    let admitted: Identity
    let shard: HubShard
    var context: ChannelHandlerContext?
    var client: HubClient? { session?.client }
    var session: ClientSession?
    var phase = Phase.open
    var closeLabel: String?

    private var decoder: WebSocketDecoder
    /// Input that is not decoded yet, usually the beginning of a frame. It may be more when the peer has closed its
    /// half: NIO then reads everything that the peer had sent, whether requested or not.
    var inbound: ByteBuffer?
    /// True while ``inbound`` is being decoded. NIO continues to read when a write fails, so more input may arrive
    /// meanwhile.
    private var isDecoding = false
    /// True when further input is ignored: after a protocol violation, after the client was closed for exceeding the
    /// rate limit, or after the peer has sent a close frame or closed its half of the connection.
    var isDeaf = false
    var heartbeat: Heartbeat
    private(set) var roundTripTime: TimeAmount?
    var bucket: TokenBucket
    /// Commands that wait for the one before them. Kept as text, because parsed they would take many times as much
    /// memory.
    var pending = Deque<(text: String, receivedAt: Timestamp)>()
    var pendingByteCount = 0
    var isPerforming = false
    var isStarting = false
    var isReadHeld = false
    var isOverQuota = false
    /// The number of messages and control frames received since the socket stopped accepting bytes, that is, while the
    /// client does not read.
    var unreadRequests = 0
    /// The payload of the latest ping that is unanswered because the socket accepts no bytes (RFC 6455 section 5.5.3).
    private var unansweredPing: ByteBuffer?
    /// The end of the peer's input, noted while its commands were pending: the code of its close frame, if there was
    /// one, and whether the input has ended.
    var ending: (code: UInt16?, hasBegun: Bool) = (nil, false)
    let openedAt: NIODeadline

    init(identity: Identity, shard: HubShard, environment: ConnectionEnvironment) {
        let now = shard.eventLoop.now
        self.admitted = identity
        self.shard = shard
        self.environment = environment
        self.decoder = WebSocketDecoder(maxMessageBytes: environment.limits.maxMessageBytes)
        self.heartbeat = Heartbeat(configuration: environment.heartbeat, now: now)
        self.bucket = TokenBucket(burst: environment.limits.commandBurst, at: now.tokenBucketTime)
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
            return close(code: .connectionLimit, reason: "too many connections from this user")
        }
        // Commands wait until `welcome` has been sent.
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
        guard !isDeaf, phase != .closed else { return }
        var bytes = unwrapInboundIn(data)
        if inbound == nil {
            inbound = bytes
        } else {
            inbound?.writeBuffer(&bytes)
        }
        decode()
    }

    /// Decodes the input while the client may be read.
    private func decode() {
        guard !isDecoding else { return }
        isDecoding = true
        defer { isDecoding = false }
        do throws(WebSocketViolation) {
            while !isDeaf, phase != .closed, mayRead, let event = try nextEvent() { receive(event) }
        } catch {
            violated(error)
        }
        if isDeaf || phase == .closed {
            inbound = nil
        } else {
            inbound?.discardReadBytes()
        }
    }

    private func nextEvent() throws(WebSocketViolation) -> WebSocketDecoder.Event? {
        guard var bytes = inbound else { return nil }
        inbound = nil  // leaves the bytes with one owner, so that they are changed in place
        let event = try decoder.next(from: &bytes)
        if bytes.readableBytes > 0 { inbound = bytes }
        return event
    }

    func read(context: ChannelHandlerContext) {
        if mayRead {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    /// True unless too many commands or bytes of them are pending, or the client sends requests without reading the
    /// answers. After our close frame the client is always read, because its close frame is awaited.
    private var mayRead: Bool {
        let limits = environment.limits
        return phase == .closing
            || pending.count < limits.maxPendingCommands && pendingByteCount <= limits.maxMessageBytes
                && unreadRequests < limits.maxUnreadRequests
    }

    /// Resumes decoding and reading if nothing prevents them any more.
    func readHeld() {
        if inbound != nil, mayRead { decode() }
        guard isReadHeld, mayRead else { return }
        isReadHeld = false
        context?.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        heartbeat.writabilityChanged(isWritable: isWritable, now: shard.eventLoop.now)
        guard isWritable else { return }
        unreadRequests = 0
        if let payload = unansweredPing {
            unansweredPing = nil
            writeControl(ServerFrame.frame(.pong, payload: payload))
        }
        if let client { shard.resume(client) }
        if phase == .draining, client?.queuedByteCount == 0 { sendClose(.goingAway, "the gateway is shutting down") }
        readHeld()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: drain()
        case ChannelEvent.inputClosed: peerEnded(nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        environment.logger.debug("A WebSocket connection failed", metadata: metadata(["error": "\(error)"]))
        context.close(promise: nil)
    }

    // MARK: Events from the client

    private func receive(_ event: WebSocketDecoder.Event) {
        defer { heartbeat.heard() }
        if !isWritable { unreadRequests += 1 }
        switch event {
        case .text(let text):
            if phase == .open {
                received(text)
            } else {
                // The message is ignored, but it still counts against the rate limit.
                _ = takeControlFrame()
            }
        case .binary: close(code: .unacceptableData, reason: "a binary message; expected JSON in text frames")
        case .ping(let payload): if takeControlFrame() { answerPing(payload) }
        case .pong:
            if takeControlFrame() { roundTripTime = heartbeat.roundTripTime(at: shard.eventLoop.now) ?? roundTripTime }
        case .close(let code): peerEnded(code ?? CloseCode.normalClosure.rawValue)
        }
    }

    /// Answers a ping. While the socket accepts no bytes, only the latest ping is kept for an answer (RFC 6455 section
    /// 5.5.3).
    private func answerPing(_ payload: ByteBuffer) {
        guard phase == .open || phase == .draining else { return }
        if isWritable {
            writeControl(ServerFrame.frame(.pong, payload: payload))
        } else {
            // A copy, because the payload is a slice of a whole read buffer.
            unansweredPing = ByteBuffer(bytes: payload.readableBytesView)
        }
    }

    private func violated(_ violation: WebSocketViolation) {
        isDeaf = true
        if violation.code == .messageTooBig {
            answer(
                CommandError(
                    .tooLarge,
                    "The message is too large; allowed: at most \(environment.limits.maxMessageBytes) bytes."),
                to: nil)
        }
        environment.logger.info(
            "A client violated the WebSocket protocol", metadata: metadata(["reason": "\(violation.reason)"]))
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
        payload.add("user_id", admitted.user.rawValue)
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
}

/// The connection as the hub's shard sees it.
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

    func chargeReplay(_ cost: Int) -> TimeAmount {
        environment.quota.chargeReplay(cost, to: admitted.user, now: shard.eventLoop.now)
    }

    /// Closes a connection whose token has expired, and returns true if it has.
    func closeIfExpired() -> Bool {
        guard let session, environment.clock.now() >= session.identity.expiresAt else { return false }
        close(code: .tokenExpired, reason: "the token has expired")
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
