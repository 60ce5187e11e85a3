import HTTPTypes
import NIOCore
import NIOHTTP1

extension HTTPRequest {
    /// The length of the path without its query, in bytes.
    var pathByteCount: Int { path?.utf8.prefix { $0 != UInt8(ascii: "?") }.count ?? 0 }

    /// True when the request names exactly one valid host (RFC 9112 section 3.2). If it named two hosts, a proxy and this
    /// server might each use a different one.
    var hasOneHost: Bool {
        guard let authority, HTTPField.Name("host").map({ headerFields[$0] == nil }) ?? true else { return false }
        return HostHeader.isValid(authority)
    }

    /// True when the request is the last one of its connection: it says `Connection: close`, or asks for another
    /// protocol with `Connection: upgrade` or `CONNECT`. After a request for another protocol, NIO's decoder parses
    /// nothing more, whether the upgrade is granted or not.
    var endsConnection: Bool {
        guard method != .connect else { return true }
        return headerFields[values: .connection].contains { value in
            value.split(separator: ",").contains { option in
                ["close", "upgrade"].contains(option.filter { !$0.isWhitespace }.lowercased())
            }
        }
    }
}

extension HTTPResponse {
    /// Sets the headers that delimit the body (RFC 9112 section 6). The encoder cannot, because it does not know the
    /// request's method.
    ///
    /// - Returns: True when the response has a body.
    mutating func frame(answeringHead isHead: Bool) -> Bool {
        let hasNoBody = status.kind == .informational || status == .noContent || status == .notModified
        if hasNoBody || isHead && headerFields[.transferEncoding] != nil { headerFields[.contentLength] = nil }
        let isWhole = hasNoBody || isHead || headerFields[.contentLength] != nil
        headerFields[.transferEncoding] = isWhole ? nil : "chunked"
        return !(hasNoBody || isHead)
    }
}

/// A handler that serves HTTP/1.0 clients, such as old proxies and health checks, by the rules of that version.
///
/// Such clients know neither chunked coding nor `100 Continue`, and may omit `Host`. Every answer to them ends the
/// connection, and that end also delimits answers without a length (RFC 9112 sections 3.2 and 6.1, RFC 9110 section
/// 10.1.1).
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
