import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Telemetry

/// Ends HTTP connections that cost more than they are worth, and lets requests begin when it is their turn. NIO's
/// `HTTPServerPipelineHandler` before it lets one request pass at a time.
///
/// - A request whose body comes too slowly is answered with 408 and cut.
/// - An answer that begins before its request was read whole is the connection's last: it says `Connection: close`, and
///   the rest of the body is not read, but for a little that lets the client see the answer before the reset.
/// - A connection whose socket takes no bytes of an answer for a while is closed.
/// - A connection without a request under way is closed after a while.
/// - A request after which nothing more can be parsed is the connection's last: one that asks to go on with another
///   protocol, which NIO's decoder waits for from then on, and one that says `Connection: close`.
/// - A request that names no host, or two, is answered with 400.
/// - A path that is longer than any route or file has is answered with 414: looking for it takes time for each byte.
/// - The answer to HEAD, and one whose status has no body, goes out without one, whatever was written
///   (RFC 9112 section 6.3).
///
/// It also tells ``ConnectionCap`` when the connection waits for a request and when it works.
final class HTTPConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    struct Configuration {
        /// Time for a request's body, to which each ``minBodyBytesPerSecond`` bytes add a second.
        var bodyTimeout: TimeAmount
        /// Time that the socket may take no bytes.
        var writeTimeout: TimeAmount
        /// Time between an answer and the next request.
        var idleTimeout: TimeAmount
        var minBodyBytesPerSecond = 4096
    }

    private enum Phase {
        case open
        /// The answer that is being written is the last one.
        case closing
        /// The last answer is written; what is still read is thrown away.
        case lingering(discarded: Int)
        case closed
    }

    /// Bytes of a path without its query.
    private static let maxPathBytes = 1024
    /// Bytes of a body that nobody wants which are read all the same.
    private static let maxDiscardedBytes = 64 * 1024
    /// Time that the client has to see the last answer.
    private static let lingerTimeout = TimeAmount.seconds(1)

    private let configuration: Configuration
    private let line: RequestLine
    private let cap: ConnectionCap
    private let metrics: EdgeMetrics
    private var phase = Phase.open
    /// The head of a request whose turn has not come, and what came with it; reading stops meanwhile.
    private var held: [HTTPRequestPart] = []
    private var isReadHeld = false
    private var isEndHeld = false
    /// Whether the first request has come, on which ``UpgradeGate`` may have noted why it is not upgraded.
    private var hasBegun = false
    private var isHead = false
    /// Whether nothing after the request is read.
    private var isLast = false
    /// Whether the answer that is being written has no body.
    private var isBodiless = false
    /// Whether the answer to a request has not been written to its end.
    private var isAnswering = false
    /// Since when the request is read that has not come to its end.
    private var readingSince: NIODeadline?
    private var bodyByteCount = 0
    private var bodyTimer: Scheduled<Void>?
    /// Answers whose last part the socket has not taken.
    private var unsentCount = 0
    private var unsentSince: NIODeadline?
    private var unwritableSince: NIODeadline?
    private var writeTimer: Scheduled<Void>?
    /// Since when the connection waits for a request, after an answer.
    private var idleSince: NIODeadline?
    private var idleTimer: Scheduled<Void>?
    private var lingerTimer: Scheduled<Void>?

    init(configuration: Configuration, line: RequestLine, cap: ConnectionCap, metrics: EdgeMetrics) {
        self.configuration = configuration
        self.line = line
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
            cap.works(context.channel)
            isAnswering = true
            idleSince = nil
            guard line.mayBegin() else {
                held = [part]
                return line.wait { self.takeHeld(context) }
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
                // Hummingbird ends the connection by this spelling, when the answer is written.
                head.headerFields[.connection] = "close"
                part = .head(head)
            }
            readingSince = context.eventLoop.now
            guard head.hasOneHost else {
                return end(with: Problem(.badRequest, "A request names its host in one Host header."), context)
            }
            guard head.pathByteCount <= Self.maxPathBytes else {
                let problem = Problem(
                    .init(code: 414, reasonPhrase: "URI Too Long"),
                    "The path has \(head.pathByteCount) bytes; at most \(Self.maxPathBytes) are allowed.")
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
        } else if case .lingering = phase, unsentCount == 0 {
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
            if unsentCount == 0 { endOutput(context) }
        }
    }

    /// Answers a request that goes no further.
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
            "The request's body came too slowly; it is due within \(configuration.bodyTimeout.nanoseconds / 1_000_000) ms, "
                + "and a second more for each \(configuration.minBodyBytesPerSecond) bytes.")
        var head = problem.head
        head.headerFields[.connection] = "close"
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead { context.write(wrapOutboundOut(.body(problem.body)), promise: nil) }
        phase = .closed
        // A socket that is full gets no longer for this answer than for others.
        unsentSince = unsentSince ?? context.eventLoop.now
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
        // Before the write, with which the next request may come.
        isAnswering = false
        unsentCount += 1
        let written = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.answerSent(context)
        }
        context.write(data, promise: written)
        guard case .closing = phase else { return }
        // Before the flush, which may complete the promise at once.
        phase = .lingering(discarded: 0)
        flush(context: context)
    }

    private func answerSent(_ context: ChannelHandlerContext) {
        unsentCount -= 1
        unsentSince = unsentCount == 0 ? nil : context.eventLoop.now
        switch phase {
        case .open, .closing:
            guard !isAnswering, unsentCount == 0 else { return }
            cap.waits(context.channel)
            idleSince = context.eventLoop.now
            scheduleIdleTimer(context, in: configuration.idleTimeout)
        case .lingering: if unsentCount == 0 { endOutput(context) }
        case .closed: break
        }
    }

    /// Ends our half, and the connection when the peer ends its own, or soon: a socket that is closed with bytes unread takes
    /// the answers back that the peer has not read yet.
    private func endOutput(_ context: ChannelHandlerContext) {
        guard case .lingering = phase, lingerTimer == nil else { return }
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
        if unsentCount > 0, unsentSince == nil {
            unsentSince = context.eventLoop.now
            scheduleWriteTimer(context, in: configuration.writeTimeout)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            unwritableSince = nil
        } else if unwritableSince == nil {
            unwritableSince = context.eventLoop.now
            scheduleWriteTimer(context, in: configuration.writeTimeout)
        }
        context.fireChannelWritabilityChanged()
    }

    private func scheduleWriteTimer(_ context: ChannelHandlerContext, in time: TimeAmount) {
        schedule(\.writeTimer, context, in: time) { $0.checkWrites($1) }
    }

    private func checkWrites(_ context: ChannelHandlerContext) {
        guard let since = [unsentSince, unwritableSince].compactMap(\.self).min() else { return }
        let left = since + configuration.writeTimeout - context.eventLoop.now
        guard left <= .zero else { return scheduleWriteTimer(context, in: left) }
        metrics.connectionCut(.write)
        context.close(promise: nil)
    }

    // MARK: Timers

    private typealias Timer = ReferenceWritableKeyPath<HTTPConnectionGuard, Scheduled<Void>?>

    /// Sets a timer that does not run yet.
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
