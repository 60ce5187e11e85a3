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

/// The syntax of the `Host` header: `host[:port]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
enum HostHeader {
    /// Returns true for a name or IPv4 address, or an IPv6 address in brackets, with or without a port. An empty value is
    /// valid: it is sent for targets without a host.
    static func isValid(_ value: String) -> Bool {
        var rest = value.utf8[...]
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let address = rest[rest.index(after: rest.startIndex)..<end]
            guard !address.isEmpty,
                address.allSatisfy({ isHexDigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return false }
            rest = rest[rest.index(after: end)...]
        } else {
            let name = rest.prefix { $0 != UInt8(ascii: ":") }
            guard isName(name) else { return false }
            rest = rest[name.endIndex...]
        }
        guard let colon = rest.popFirst() else { return true }
        return colon == UInt8(ascii: ":") && rest.count <= 5 && rest.allSatisfy(isDigit)
            && (rest.isEmpty || Int(Substring(rest)).map { $0 <= 65_535 } ?? false)
    }

    /// Returns true for unreserved characters, sub-delimiters but for the comma, and percent-encoded bytes.
    private static func isName(_ name: Substring.UTF8View) -> Bool {
        var rest = name
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst(), let low = rest.popFirst(), isHexDigit(high), isHexDigit(low) else {
                    return false
                }
            } else if !isDigit(byte), !isLetter(byte), !"-._~!$&'()*+;=".utf8.contains(byte) {
                return false
            }
        }
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}
