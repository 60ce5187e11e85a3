import Logging
import NIOCore
import Realtime

/// A handler that sends every message back unchanged, for public WebSocket conformance suites.
///
///     bytes ──▶ WebSocketDecoder ──▶ message ──▶ ServerFrame ──▶ bytes
///
/// It uses the same decoder and encoder as `/ws`, and knows neither users nor rooms. While a peer does not read its
/// echoes, the handler does not read from the peer, so at most one message and one read are held for it. Everything
/// happens on the channel's event loop.
final class EchoConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// The largest message in bytes.
    static let maxMessageBytes = 16 * 1024 * 1024

    private let closeTimeout: TimeAmount
    private let logger: Logger
    private var decoder = WebSocketDecoder(maxMessageBytes: EchoConnection.maxMessageBytes)
    /// The beginning of an incomplete frame.
    private var partial: ByteBuffer?
    /// True when our close frame has been written; further input is ignored (RFC 6455 section 7.1.1).
    private var isClosing = false
    private var isReadHeld = false

    /// Creates the handler.
    ///
    /// - Parameter closeTimeout: Time for the peer to end the connection after our close frame.
    init(closeTimeout: TimeAmount, logger: Logger) {
        self.closeTimeout = closeTimeout
        self.logger = logger
    }

    // MARK: Channel events

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        var bytes = unwrapInboundIn(data)
        if var partial {
            self.partial = nil
            partial.writeBuffer(&bytes)
            bytes = partial
        }
        do throws(WebSocketViolation) {
            while !isClosing, let event = try decoder.next(from: &bytes) { receive(event, context) }
        } catch {
            logger.debug("An echo client violated the WebSocket protocol", metadata: ["reason": "\(error.reason)"])
            close(ServerFrame.close(code: error.code.rawValue, reason: error.reason), context)
        }
        if bytes.readableBytes > 0, !isClosing {
            bytes.discardReadBytes()
            partial = bytes
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func read(context: ChannelHandlerContext) {
        // Input after our close frame is dropped, so reading it costs nothing.
        if context.channel.isWritable || isClosing {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { readAgain(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            close(
                ServerFrame.close(code: CloseCode.goingAway.rawValue, reason: "the gateway is shutting down"), context)
            endSoon(context)
        case ChannelEvent.inputClosed: peerEnded(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("An echo connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: Events from the peer

    private func receive(_ event: WebSocketDecoder.Event, _ context: ChannelHandlerContext) {
        switch event {
        case .text(let text): write(ServerFrame.frame(.text, payload: ByteBuffer(string: text)), context)
        case .binary(let bytes): write(ServerFrame.frame(.binary, payload: bytes), context)
        case .ping(let payload): write(ServerFrame.frame(.pong, payload: payload), context)
        case .pong: break
        case .close(let code?): close(ServerFrame.close(code: code, reason: ""), context)
        case .close(nil): close(ServerFrame.frame(.close, payload: ByteBuffer()), context)
        }
    }

    private func write(_ frame: ByteBuffer, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(frame), promise: nil)
    }

    // MARK: Ending

    /// Sends the close frame and closes our half. The connection ends when the peer closes its half, or after the
    /// timeout. Closing both halves at once could destroy the close frame in transit if more input arrives (RFC 6455
    /// section 7.1.1).
    private func close(_ frame: ByteBuffer, _ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        partial = nil
        context.writeAndFlush(wrapOutboundOut(frame)).assumeIsolated().whenComplete { _ in self.endSoon(context) }
        context.close(mode: .output, promise: nil)
        readAgain(context)
    }

    /// Ends the connection after the peer closed its half without a close frame. Pending output is sent first.
    private func peerEnded(_ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        partial = nil
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    private func endSoon(_ context: ChannelHandlerContext) {
        let channel = context.channel
        context.eventLoop.scheduleTask(in: closeTimeout) { channel.close(promise: nil) }
    }

    private func readAgain(_ context: ChannelHandlerContext) {
        guard isReadHeld else { return }
        isReadHeld = false
        context.read()
    }
}

/// The path of the echo endpoint: a plain path at which nothing else is served.
package struct EchoPath: Equatable, Sendable {
    /// The reason that a path is not accepted, worded for the person who configured it.
    package struct Mistake: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// The first path segments that the gateway itself serves.
    package static let reserved = [
        "api", "asyncapi.json", "livez", "metrics", "openapi.json", "readyz", "v1", "vendor", "ws",
    ]
    /// The longest path in bytes.
    package static let maxByteCount = 128

    /// The path as it appears in a request, such as `/echo`.
    package let text: String

    /// Validates the path. It must be absolute, not served by the gateway itself, and have only letters, digits, `-`,
    /// `_`, `.` and `~` between the slashes.
    package init(_ text: String) throws(Mistake) {
        let segments = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let isPlain =
            text.hasPrefix("/") && text.utf8.count <= Self.maxByteCount
            && segments.allSatisfy { segment in
                !segment.isEmpty && segment != "." && segment != ".."
                    && segment.unicodeScalars.allSatisfy(Self.isUnreserved)
            }
        guard isPlain, let first = segments.first else {
            throw Mistake(
                description: "\"\(text)\" is not a valid path; expected a path such as /echo that begins with / and "
                    + "has letters, digits, -, _, . or ~ between the slashes; at most \(Self.maxByteCount) bytes.")
        }
        guard !Self.reserved.contains(String(first)) else {
            let taken = Self.reserved.map { "/\($0)" }.joined(separator: ", ")
            throw Mistake(
                description: "\"\(text)\" is taken; the gateway itself serves \(taken) and all paths below.")
        }
        self.text = text
    }

    /// Returns true for the unreserved characters of RFC 3986 section 2.3.
    private static func isUnreserved(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".", "~": true
        default: false
        }
    }
}
