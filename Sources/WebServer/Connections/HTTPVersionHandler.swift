import NIOCore
import NIOHTTP1

/// Serves clients of HTTP/1.0, such as old proxies and health checks, by that version's rules.
///
/// Such a client knows neither chunks nor `100 Continue`, and may leave `Host` out: an answer without a length ends with
/// the connection, and so does every other (RFC 9112 sections 3.2 and 6.1, RFC 9110 section 10.1.1).
final class HTTPVersionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var isOld = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        isOld = head.version != .http1_1
        guard isOld else { return context.fireChannelRead(data) }
        head.headers.remove(name: "expect")
        head.headers.replaceOrAdd(name: "connection", value: "close")
        if !head.headers.contains(name: "host") { head.headers.add(name: "host", value: "") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isOld, case .head(var head) = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        head.headers.remove(name: "transfer-encoding")
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}
