import Core
import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Telemetry

/// A handler that protects an HTTP connection from slow and malformed clients, and holds back each request until
/// ``RequestPacer`` lets it begin. NIO's `HTTPServerPipelineHandler`, in front of it, passes one request at a time.
///
/// - A request whose body arrives too slowly is answered with 408, and the connection is closed.
/// - If an answer begins before its request has been read completely, it is the last one and says `Connection: close`.
///   Up to 64 KiB of the rest are still read, so that the client sees the answer before the reset.
/// - A connection whose socket accepts no bytes of an answer for a while is closed, and so is an idle one.
/// - A request that asks for another protocol or says `Connection: close` is the last one. NIO's decoder parses nothing
///   after a request for another protocol.
/// - A request without exactly one valid host is answered with 400.
/// - A path longer than any route or file is answered with 414, because a lookup takes time for each byte.
/// - Answers to HEAD, and those whose status has no body, are sent without one (RFC 9112 section 6.3).
///
/// It also tells ``ConnectionCap`` when the connection is busy, and when it waits for a request or for its end.
final class HTTPConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    struct Configuration {
        /// Time for a request's body; each ``minBodyBytesPerSecond`` bytes add a second.
        var bodyTimeout: TimeAmount
        /// Time for which the socket may accept no bytes of an answer.
        var writeTimeout: TimeAmount
        /// Time between an answer and the next request.
        var idleTimeout: TimeAmount
        var minBodyBytesPerSecond = 4096
    }

    private enum Phase {
        case open
        /// The answer being written is the last one.
        case closing
        /// The last answer has been written; further input is discarded.
        case lingering(discarded: Int)
        case closed
    }

    /// The longest path without its query, in bytes.
    private static let maxPathBytes = 1024
    /// Bytes of a request's body that are still read after the last answer.
    private static let maxDiscardedBytes = 64 * 1024
    /// Time for the client to read the last answer.
    private static let lingerTimeout = TimeAmount.seconds(1)

    private let configuration: Configuration
    private let pacer: RequestPacer
    private let cap: ConnectionCap
    private let metrics: EdgeMetrics
    private var phase = Phase.open
    /// The head of a request that ``RequestPacer`` delays, and the parts that followed it. Reading is paused meanwhile.
    private var held: [HTTPRequestPart] = []
    private var isReadHeld = false
    private var isEndHeld = false
    /// True after the first request. Only that one may carry a refusal by ``UpgradeGate`` in a header.
    private var hasBegun = false
    private var isHead = false
    /// True when nothing is read after the current request.
    private var isLast = false
    /// True when the answer being written has no body.
    private var isBodiless = false
    /// True from the head of a request until its answer has been written to its end.
    private var isAnswering = false
    /// The start of the request that is being read; `nil` once it has been read to its end.
    private var readingSince: NIODeadline?
    private var bodyByteCount = 0
    private var bodyTimer: Scheduled<Void>?
    private var unsent = UnsentAnswers()
    private var writeTimer: Scheduled<Void>?
    /// The time since which the connection has waited for a request, after an answer.
    private var idleSince: NIODeadline?
    private var idleTimer: Scheduled<Void>?
    private var lingerTimer: Scheduled<Void>?

    init(configuration: Configuration, pacer: RequestPacer, cap: ConnectionCap, metrics: EdgeMetrics) {
        self.configuration = configuration
        self.pacer = pacer
        self.cap = cap
        self.metrics = metrics
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        cancelTimers()
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closed
        held = []
        cancelTimers()
        context.fireChannelInactive()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .open, .closing: break
        case .lingering(let discarded): return discard(unwrapInboundIn(data), after: discarded, context)
        case .closed: return
        }
        let part = unwrapInboundIn(data)
        guard held.isEmpty else { return held.append(part) }
        if case .head = part {
            cap.markBusy(context.channel)
            isAnswering = true
            idleSince = nil
            guard pacer.tryBegin() else {
                held = [part]
                return pacer.enqueue { self.takeHeld(context) }
            }
        }
        take(part, context)
    }

    private func takeHeld(_ context: ChannelHandlerContext) {
        let parts = held
        held = []
        guard !parts.isEmpty else { return }
        for part in parts {
            if case .lingering(let discarded) = phase {
                discard(part, after: discarded, context)
            } else {
                take(part, context)
            }
        }
        context.fireChannelReadComplete()
        if isEndHeld {
            isEndHeld = false
            userInboundEventTriggered(context: context, event: ChannelEvent.inputClosed)
        }
        if isReadHeld {
            isReadHeld = false
            read(context: context)
        }
    }

    private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        var part = part
        switch part {
        case .head(var head):
            if hasBegun, let name = HTTPField.Name(UpgradeRefusal.headerName) {
                head.headerFields[name] = nil
                part = .head(head)
            }
            hasBegun = true
            isHead = head.method == .head
            isLast = head.endsConnection
            if isLast {
                // Hummingbird recognizes this spelling and closes the connection after the answer.
                head.headerFields[.connection] = "close"
                part = .head(head)
            }
            readingSince = context.eventLoop.now
            guard head.hasOneHost else {
                return end(with: Problem(.badRequest, "Exactly one valid Host header is required."), context)
            }
            guard head.pathByteCount <= Self.maxPathBytes else {
                let problem = Problem(
                    .init(code: 414, reasonPhrase: "URI Too Long"),
                    "The path has \(head.pathByteCount) bytes; allowed: at most \(Self.maxPathBytes).")
                return end(with: problem, context)
            }
            if head.headerFields[.expect]?.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
            bodyByteCount = 0
            let fields = head.headerFields
            if fields[.transferEncoding] != nil || (fields[.contentLength] ?? "0") != "0" {
                scheduleBodyTimer(context, in: configuration.bodyTimeout)
            }
        case .body(let bytes): bodyByteCount += bytes.readableBytes
        case .end:
            readingSince = nil
            bodyTimer?.cancel()
            bodyTimer = nil
        }
        context.fireChannelRead(wrapInboundOut(part))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event as? ChannelEvent == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        if !held.isEmpty {
            isEndHeld = true
        } else if case .lingering = phase, unsent.isEmpty {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func read(context: ChannelHandlerContext) {
        switch phase {
        case .open, .closing:
            if !held.isEmpty {
                isReadHeld = true
            } else if !isLast || readingSince != nil {
                context.read()
            }
        case .lingering(let discarded): if discarded <= Self.maxDiscardedBytes, !isLast { context.read() }
        case .closed: break
        }
    }

    private func discard(_ part: HTTPRequestPart, after discarded: Int, _ context: ChannelHandlerContext) {
        switch part {
        case .head: break
        case .body(let bytes): phase = .lingering(discarded: discarded + bytes.readableBytes)
        case .end:
            readingSince = nil
            if unsent.isEmpty { endOutput(context) }
        }
    }

    /// Answers a request with a problem instead of passing it to the router.
    private func end(with problem: Problem, _ context: ChannelHandlerContext) {
        write(context: context, data: wrapOutboundOut(.head(problem.head)), promise: nil)
        write(context: context, data: wrapOutboundOut(.body(problem.body)), promise: nil)
        write(context: context, data: wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func scheduleBodyTimer(_ context: ChannelHandlerContext, in time: TimeAmount) {
        guard case .open = phase else { return }
        bodyTimer?.cancel()
        bodyTimer = nil
        schedule(\.bodyTimer, context, in: time) { $0.checkBody($1) }
    }

    private func checkBody(_ context: ChannelHandlerContext) {
        guard let readingSince, case .open = phase else { return }
        let earned = TimeAmount.seconds(Int64(bodyByteCount / configuration.minBodyBytesPerSecond))
        let left = readingSince + configuration.bodyTimeout + earned - context.eventLoop.now
        guard left <= .zero else { return scheduleBodyTimer(context, in: left) }
        metrics.connectionCut(.body)
        let problem = Problem(
            .requestTimeout,
            "The request body arrived too slowly; allowed: \(configuration.bodyTimeout.nanoseconds / 1_000_000) ms "
                + "plus 1 s for every \(configuration.minBodyBytesPerSecond) bytes.")
        var head = problem.head
        head.headerFields[.connection] = "close"
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead { context.write(wrapOutboundOut(.body(problem.body)), promise: nil) }
        phase = .closed
        unsent.flushBegan(at: context.eventLoop.now)
        scheduleWriteTimer(context, in: configuration.writeTimeout)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch phase {
        case .open, .closing: break
        case .lingering, .closed:
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            isBodiless = !head.frame(answeringHead: isHead)
            if isLast || readingSince != nil, head.status.kind != .informational {
                phase = .closing
                bodyTimer?.cancel()
                bodyTimer = nil
                head.headerFields[.connection] = "close"
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            if isBodiless {
                promise?.succeed()
            } else {
                context.write(data, promise: promise)
            }
        case .end: writeEnd(context, isBodiless ? wrapOutboundOut(.end(nil)) : data, promise)
        }
    }

    private func writeEnd(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        // Reset before the write, after which the next request may arrive.
        isAnswering = false
        unsent.add()
        let written = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.answerSent(context)
        }
        context.write(data, promise: written)
        guard case .closing = phase else { return }
        // Set before the flush, which may complete the promise at once.
        phase = .lingering(discarded: 0)
        flush(context: context)
    }

    private func answerSent(_ context: ChannelHandlerContext) {
        unsent.removeFirst(at: context.eventLoop.now)
        switch phase {
        case .open, .closing:
            guard !isAnswering, unsent.isEmpty else { return }
            cap.markWaiting(context.channel)
            idleSince = context.eventLoop.now
            scheduleIdleTimer(context, in: configuration.idleTimeout)
        case .lingering: if unsent.isEmpty { endOutput(context) }
        case .closed: break
        }
    }

    /// Closes our half of the connection, and all of it when the peer closes its half or ``lingerTimeout`` passes.
    /// Closing a socket with unread input would discard the answers that the peer has not read yet.
    private func endOutput(_ context: ChannelHandlerContext) {
        guard case .lingering = phase, lingerTimer == nil else { return }
        // Otherwise one client could occupy all connections for the timeout, again and again.
        cap.markWaiting(context.channel)
        schedule(\.lingerTimer, context, in: Self.lingerTimeout) { $1.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        read(context: context)
    }

    private func scheduleIdleTimer(_ context: ChannelHandlerContext, in time: TimeAmount) {
        schedule(\.idleTimer, context, in: time) { $0.checkIdleness($1) }
    }

    private func checkIdleness(_ context: ChannelHandlerContext) {
        guard let idleSince else { return }
        let left = idleSince + configuration.idleTimeout - context.eventLoop.now
        guard left <= .zero else { return scheduleIdleTimer(context, in: left) }
        context.close(promise: nil)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        guard !unsent.isEmpty else { return }
        unsent.flushBegan(at: context.eventLoop.now)
        scheduleWriteTimer(context, in: configuration.writeTimeout)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        unsent.writabilityChanged(to: context.channel.isWritable, at: context.eventLoop.now)
        if unsent.stalledSince != nil { scheduleWriteTimer(context, in: configuration.writeTimeout) }
        context.fireChannelWritabilityChanged()
    }

    private func scheduleWriteTimer(_ context: ChannelHandlerContext, in time: TimeAmount) {
        schedule(\.writeTimer, context, in: time) { $0.checkWrites($1) }
    }

    private func checkWrites(_ context: ChannelHandlerContext) {
        guard let since = unsent.stalledSince else { return }
        let left = since + configuration.writeTimeout - context.eventLoop.now
        guard left <= .zero else { return scheduleWriteTimer(context, in: left) }
        metrics.connectionCut(.write)
        context.close(promise: nil)
    }

    // MARK: Timers

    private typealias Timer = ReferenceWritableKeyPath<HTTPConnectionGuard, Scheduled<Void>?>

    /// Starts a timer unless it is already running.
    private func schedule(
        _ timer: Timer, _ context: ChannelHandlerContext, in time: TimeAmount,
        _ check: @escaping @Sendable (HTTPConnectionGuard, ChannelHandlerContext) -> Void
    ) {
        guard self[keyPath: timer] == nil else { return }
        let bound = NIOLoopBound((self, context, timer), eventLoop: context.eventLoop)
        self[keyPath: timer] = context.eventLoop.scheduleTask(in: time) {
            let (handler, context, timer) = bound.value
            handler[keyPath: timer] = nil
            check(handler, context)
        }
    }

    private func cancelTimers() {
        bodyTimer?.cancel()
        writeTimer?.cancel()
        idleTimer?.cancel()
        lingerTimer?.cancel()
        lingerTimer = nil
        bodyTimer = nil
        writeTimer = nil
        idleTimer = nil
    }
}
