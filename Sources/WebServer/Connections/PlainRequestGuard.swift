import HTTPTypes
import NIOCore

/// Answers a client that speaks plain HTTP to the port of HTTPS, which would otherwise see a connection that just ends.
///
/// Looks at a connection's first byte: a TLS connection begins with a handshake record (RFC 8446 section 5.1), a request with
/// the letter of a method. The one goes on to the TLS handler, and this handler leaves; whatever else comes is closed.
final class PlainRequestGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let handshakeRecord: UInt8 = 22
    private static let answer: ByteBuffer = {
        var body = Problem(.badRequest, "This port takes HTTPS only: use https:// or wss://.").body
        var answer = ByteBuffer(
            string: "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\n"
                + "Content-Length: \(body.readableBytes)\r\nConnection: close\r\n\r\n")
        answer.writeBuffer(&body)
        return answer
    }()

    private var isRefused = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // The rest of a refused request; the deadline of the first request ends the connection.
        guard !isRefused else { return }
        let bytes = unwrapInboundIn(data)
        guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return }
        if first == Self.handshakeRecord {
            context.fireChannelRead(data)
            return context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
        isRefused = true
        guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(Self.answer), promise: nil)
        // Not all of it: with something unread the system would take the answer back.
        context.close(mode: .output, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The TLS handler would take the client's end for an attack.
        if isRefused, event as? ChannelEvent == .inputClosed { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}
