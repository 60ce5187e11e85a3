import Foundation
import NIOCore
import NIOHTTP1
import OpenSSL

/// A handler that decides, in front of NIO's upgrade handler, which requests may become WebSockets.
///
/// NIO's typed upgrade handler swallows a request with `Upgrade` that it does not upgrade, and the client would wait
/// forever. So the decision is made before that handler sees the request. A request that will not be upgraded loses the
/// `Upgrade` header, gains a header with the ``UpgradeRefusal``, and goes on to the router, which answers it. This
/// handler deals only with the first request of a connection, and closes connections that do not send one in time.
final class UpgradeGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let endpoint: any WebSocketEndpoint
    private let cap: ConnectionCap?
    private let timeout: TimeAmount
    private var deadline: Scheduled<Void>?
    private var hasFailed = false
    /// Parts that arrived while the endpoint was deciding; `nil` at other times. Reading is paused meanwhile, so they
    /// stem from one read at most.
    private var held: [HTTPServerRequestPart]?
    private var isReadHeld = false

    /// Creates the gate.
    ///
    /// - Parameter timeout: The time for the client to send its first request.
    init(endpoint: any WebSocketEndpoint, cap: ConnectionCap?, timeout: TimeAmount) {
        self.endpoint = endpoint
        self.cap = cap
        self.timeout = timeout
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        if let cap, !cap.admitAddress(of: context.channel) { return context.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        if held == nil {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if held != nil {
            held?.append(part)
            return
        }
        guard case .head(var head) = part else { return context.fireChannelRead(data) }
        deadline?.cancel()
        cap?.markBusy(context.channel)
        head.headers.remove(name: UpgradeRefusal.headerName)
        guard head.headers.contains(name: "upgrade") else { return pass(head, context) }
        switch endpoint.classify(head) {
        case .plain:
            head.headers.remove(name: "upgrade")
            pass(head, context)
        case .refused(let refusal): refuse(head, refusal, context)
        case .handshake: decide(head, context)
        }
    }

    /// Answers a first request that is not valid HTTP and closes the connection, because no later handler would.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        guard !hasFailed else { return }
        hasFailed = true
        // The input ended within a head, perhaps because we are closing. Nobody waits for an answer.
        guard error != .invalidEOFState else { return context.close(promise: nil) }
        let status: HTTPResponseStatus = error == .headerOverflow ? .requestHeaderFieldsTooLarge : .badRequest
        let head = HTTPResponseHead(
            version: .http1_1, status: status, headers: ["connection": "close", "content-length": "0"])
        let channel = context.channel
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    private func decide(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        switch endpoint.admit(head, from: context.channel) {
        case .admitted: pass(head, context)
        case .refused(let refusal): refuse(head, refusal, context)
        case .undecided(let decision):
            held = []
            decision.assumeIsolated().whenSuccess { refusal in
                guard context.channel.isActive else { return }
                if let refusal {
                    self.refuse(head, refusal, context)
                } else {
                    self.pass(head, context)
                }
            }
        }
    }

    private func refuse(_ head: HTTPRequestHead, _ refusal: UpgradeRefusal, _ context: ChannelHandlerContext) {
        var head = head
        head.headers.remove(name: "upgrade")
        head.headers.add(name: UpgradeRefusal.headerName, value: refusal.headerValue)
        pass(head, context)
    }

    private func pass(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        context.fireChannelRead(wrapInboundOut(.head(head)))
        let parts = held ?? []
        held = nil
        for part in parts { context.fireChannelRead(wrapInboundOut(part)) }
        if !parts.isEmpty { context.fireChannelReadComplete() }
        if isReadHeld { context.read() }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

/// An upgrader that answers an admitted handshake and adds the connection's handler to the pipeline (RFC 6455 section
/// 4.2.2).
///
/// ``UpgradeGate`` has decided before, so every request with `Upgrade: websocket` that gets here is accepted.
struct WebSocketUpgrader<HTTP: Sendable>: NIOTypedHTTPServerProtocolUpgrader {
    typealias UpgradeResult = UpgradeOutcome<HTTP>

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    let endpoint: NIOLoopBound<any WebSocketEndpoint>
    let cap: ConnectionCap?

    private var keySuffix: String { "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        let key = upgradeRequest.headers.first(name: "sec-websocket-key") ?? ""
        let digest = Digest.sha1.hash((key + keySuffix).utf8)
        var headers = initialResponseHeaders
        headers.replaceOrAdd(name: "upgrade", value: "websocket")
        headers.replaceOrAdd(name: "connection", value: "upgrade")
        headers.replaceOrAdd(name: "sec-websocket-accept", value: Data(digest).base64EncodedString())
        if let subprotocol = endpoint.value.subprotocol(for: upgradeRequest) {
            headers.replaceOrAdd(name: "sec-websocket-protocol", value: subprotocol)
        }
        return channel.eventLoop.makeSucceededFuture(headers)
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<UpgradeResult> {
        cap?.markUpgraded(channel)
        return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            pipeline.removeHandler(try pipeline.handler(type: HTTPInputThrottle.self), promise: nil)
            try pipeline.addHandler(try endpoint.value.makeHandler(on: channel))
            return .webSocket
        }
    }
}
