import Core
import Crypto
import Foundation
import NIOCore
import NIOHTTP1
import Realtime
import Services
import Tracing

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

    private let authenticator: Authenticator
    private let origins: OriginPolicy
    private let echoPath: EchoPath?
    private let admission: AdmittedIdentity
    private let quota: UserQuota
    private let cap: ConnectionCap
    private let entry: EntryTracer
    private let clock = SystemWallClock()
    private let timeout: TimeAmount
    private var deadline: Scheduled<Void>?
    private var hasFailed = false
    /// Parts that arrived while the credential was being verified; `nil` at other times. Reading is paused meanwhile,
    /// so they stem from one read at most.
    private var held: [HTTPServerRequestPart]?
    private var isReadHeld = false

    init(
        authenticator: Authenticator, origins: OriginPolicy, echoPath: EchoPath?, admission: AdmittedIdentity,
        quota: UserQuota, cap: ConnectionCap, entry: EntryTracer, timeout: TimeAmount
    ) {
        self.authenticator = authenticator
        self.origins = origins
        self.echoPath = echoPath
        self.admission = admission
        self.quota = quota
        self.cap = cap
        self.entry = entry
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
        guard cap.admitAddress(of: context.channel) else { return context.close(promise: nil) }
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
        cap.markBusy(context.channel)
        head.headers.remove(name: UpgradeRefusal.headerName)
        guard head.headers.contains(name: "upgrade") else { return pass(head, context) }
        switch UpgradeRequest(head, origins: origins, echoPath: echoPath) {
        case .plain:
            head.headers.remove(name: "upgrade")
            pass(head, context)
        case .refused(let refusal): refuse(head, refusal, context)
        case .echo: pass(head, context)
        case .handshake:
            guard quota.takeConnection(from: context.remoteAddress, now: context.eventLoop.now) else {
                return refuse(
                    head, UpgradeRefusal(429, "Too many connections from this address; retry later."), context)
            }
            authorise(head, context)
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

    private func authorise(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard let credential = CredentialExtractor.credential(in: head) else {
            return refuse(head, UpgradeRefusal(401, "\(AuthenticationError.missing)"), context)
        }
        held = []
        let start = clock.now()
        let authenticator = self.authenticator
        let result = context.eventLoop.makeFutureWithTask {
            do throws(AuthenticationError) {
                return Result<Identity, AuthenticationError>.success(try await authenticator.identity(of: credential))
            } catch {
                return .failure(error)
            }
        }
        result.assumeIsolated().whenSuccess { result in
            guard context.channel.isActive else { return }
            switch result {
            case .success(let identity):
                self.admission.identity = identity
                self.recordSpan(of: head, from: start)
                self.pass(head, context)
            case .failure(let error): self.refuse(head, UpgradeRefusal(401, "\(error)"), context)
            }
        }
    }

    private func refuse(_ head: HTTPRequestHead, _ refusal: UpgradeRefusal, _ context: ChannelHandlerContext) {
        var head = head
        head.headers.remove(name: "upgrade")
        head.headers.add(name: UpgradeRefusal.headerName, value: refusal.headerValue)
        pass(head, context)
    }

    /// Records a `websocket.upgrade` span. Only handshakes with a valid credential have one, so that nobody else uses
    /// up the limit of traces per second.
    private func recordSpan(of head: HTTPRequestHead, from start: Timestamp) {
        let origin = head.headers.first(name: "traceparent").flatMap {
            TraceContext(traceparent: $0, state: head.headers.first(name: "tracestate"))
        }
        guard let span = entry.begin("websocket.upgrade", from: origin, ofKind: .server, at: start) else { return }
        span.updateAttributes { attributes in
            attributes["http.request.method"] = head.method.rawValue
            attributes["http.route"] = "/ws"
            attributes["http.response.status_code"] = Int(HTTPResponseStatus.switchingProtocols.code)
        }
        span.end(at: clock.now())
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
struct WebSocketUpgrader: NIOTypedHTTPServerProtocolUpgrader {
    typealias UpgradeResult = HTTP1WebSocketChannel.SelectedProtocol

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private static let keySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    let admission: NIOLoopBound<AdmittedIdentity>
    let environment: ConnectionEnvironment
    let echoPath: EchoPath?

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        let key = upgradeRequest.headers.first(name: "sec-websocket-key") ?? ""
        let digest = Insecure.SHA1.hash(data: Data((key + Self.keySuffix).utf8))
        var headers = initialResponseHeaders
        headers.replaceOrAdd(name: "upgrade", value: "websocket")
        headers.replaceOrAdd(name: "connection", value: "upgrade")
        headers.replaceOrAdd(name: "sec-websocket-accept", value: Data(digest).base64EncodedString())
        if !UpgradeRequest.isEcho(upgradeRequest, echoPath: echoPath),
            CredentialExtractor.subprotocols(of: upgradeRequest).contains(CredentialExtractor.windsockSubprotocol)
        {
            headers.replaceOrAdd(name: "sec-websocket-protocol", value: CredentialExtractor.windsockSubprotocol)
        }
        return channel.eventLoop.makeSucceededFuture(headers)
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<UpgradeResult> {
        environment.cap.markUpgraded(channel)
        return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            pipeline.removeHandler(try pipeline.handler(type: HTTPInputThrottle.self), promise: nil)
            if UpgradeRequest.isEcho(upgradeRequest, echoPath: echoPath) {
                try pipeline.addHandler(
                    EchoConnection(closeTimeout: environment.limits.closeTimeout, logger: environment.logger))
                return .webSocket
            }
            guard let identity = admission.value.identity, let shard = environment.hub.shard(on: channel.eventLoop)
            else { throw ChannelError.inappropriateOperationForState }
            try pipeline.addHandler(
                WebSocketConnection(identity: identity, shard: shard, environment: environment))
            return .webSocket
        }
    }
}

/// A box in which ``UpgradeGate`` leaves the admitted identity for ``WebSocketUpgrader``. Use it only on the channel's
/// loop.
final class AdmittedIdentity {
    var identity: Identity?
}
