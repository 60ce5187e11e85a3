import Core
import Foundation
import NIOCore
import NIOPosix

/// A loopback server that answers with given bytes, whether they are HTTP or not. It records what it receives.
final class RawServer: Sendable {
    /// The bytes for one request, in parts that are sent one after the other.
    struct Answer: Sendable {
        var parts: [String]
        /// True to close the connection behind the last part.
        var closes = false

        static func text(_ text: String, closes: Bool = false) -> Answer { Answer(parts: [text], closes: closes) }

        static let ok = Answer.text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        /// No response; the connection stays open.
        static let silence = Answer(parts: [])
        /// The connection ends without a response.
        static let disconnect = Answer(parts: [], closes: true)
        /// The part is repeated 10,000 times, and the connection stays open.
        static func endless(_ head: String, _ part: String) -> Answer {
            Answer(parts: [head] + Array(repeating: part, count: 10_000))
        }
    }

    private struct State {
        var answers: [Answer]
        var requests: [String] = []
        var connections = 0
        var open = 0
    }

    private final class Box: Sendable {
        let state: Lock<State>
        init(_ answers: [Answer]) { state = Lock(State(answers: answers)) }
    }

    let port: Int
    private let channel: any Channel
    private let box: Box

    /// The requests so far: head and body.
    var requests: [String] { box.state.withLock { $0.requests } }
    var connectionCount: Int { box.state.withLock { $0.connections } }
    var openCount: Int { box.state.withLock { $0.open } }

    /// Listens on a free port. Gives the answers in order, then ``Answer/ok``.
    init(_ answers: Answer..., host: String = "127.0.0.1") async throws {
        let box = Box(answers)
        self.box = box
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(box))
                }
            }
            .bind(host: host, port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    deinit { channel.close(promise: nil) }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let box: Box
        private var received = ""

        init(_ box: Box) { self.box = box }

        func channelActive(context: ChannelHandlerContext) {
            box.state.withLock { ($0.connections, $0.open) = ($0.connections + 1, $0.open + 1) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            box.state.withLock { $0.open -= 1 }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += String(buffer: unwrapInboundIn(data))
            guard let end = received.range(of: "\r\n\r\n") else { return }
            let length =
                received[..<end.lowerBound].split(separator: "\r\n").first {
                    $0.lowercased().hasPrefix("content-length:")
                }
                .flatMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) } ?? 0
            guard received[end.upperBound...].utf8.count >= length else { return }
            let request = received
            received = ""
            let answer = box.state.withLock { state in
                state.requests.append(request)
                return state.answers.isEmpty ? .ok : state.answers.removeFirst()
            }
            send(answer.parts[...], closing: answer.closes, context)
        }

        /// Sends a part when the one before it was written.
        private func send(_ parts: ArraySlice<String>, closing: Bool, _ context: ChannelHandlerContext) {
            guard let part = parts.first else {
                if closing { context.close(promise: nil) }
                return
            }
            let (rest, loop) = (parts.dropFirst(), NIOLoopBound((self, context), eventLoop: context.eventLoop))
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: part))).whenSuccess {
                // Not at once: writes may succeed before they return, and the stack would grow with each part.
                loop.eventLoop.execute {
                    let (handler, context) = loop.value
                    handler.send(rest, closing: closing, context)
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
