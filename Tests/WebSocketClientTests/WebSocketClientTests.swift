import Core
import NIOCore
import NIOPosix
import NIOWebSocket
import Synchronization
import TestSupport
import Testing

@testable import WebSocketClient

@Suite("WebSocket client", .timeLimit(.minutes(1)))
struct WebSocketClientTests {
    @Test(
        "Messages of any length are echoed unchanged",
        arguments: [0, 1, 125, 126, 65_535, 65_536, 900_000])
    func echo(length: Int) async throws {
        let server = try await ScriptedWebSocketServer()
        let client = try await WebSocketClient.connect(url: server.url)
        let text = String(repeating: "ä", count: length / 2) + String(repeating: "x", count: length % 2)
        try await client.send(text: text)
        #expect(try await client.next() == .text(text))
        try await client.send(binary: ByteBuffer(repeating: 7, count: length))
        #expect(try await client.next() == .binary(ByteBuffer(repeating: 7, count: length)))
        await client.close()
    }

    @Test("Every frame is masked with a different key")
    func masking() async throws {
        let keys = Lock<[String?]>([])
        let server = try await ScriptedWebSocketServer(onFrame: { frame, channel in
            keys.withLock { $0.append(frame.maskKey.map { "\(Array($0))" }) }
            ScriptedWebSocketServer.echo(frame, channel)
        })
        let client = try await WebSocketClient.connect(url: server.url)
        for _ in 0..<5 { try await client.send(text: "same") }
        try await client.ping()
        await client.close()
        let seen = keys.withLock { $0 }
        #expect(seen.count == 7 && !seen.contains(nil) && Set(seen).count == 7)
    }

    @Test("Messages in the same segment as the handshake response are received in order")
    func greeting() async throws {
        let server = try await ScriptedWebSocketServer(onOpen: { channel in
            for number in 0..<100 { ScriptedWebSocketServer.send(.text, ByteBuffer(string: "\(number)"), on: channel) }
        })
        let client = try await WebSocketClient.connect(url: server.url)
        for number in 0..<100 { #expect(try await client.next()?.text == "\(number)") }
    }

    @Test("Fragments form one message, and a ping between them is answered")
    func fragments() async throws {
        let pongs = Lock<[String]>([])
        let server = try await ScriptedWebSocketServer(
            onOpen: { channel in
                ScriptedWebSocketServer.send(.text, ByteBuffer(string: "one "), fin: false, on: channel)
                ScriptedWebSocketServer.send(.ping, ByteBuffer(string: "still there?"), on: channel)
                // The ä is split in two: only the whole message must be valid UTF-8.
                ScriptedWebSocketServer.send(.continuation, ByteBuffer(bytes: [0xC3]), fin: false, on: channel)
                ScriptedWebSocketServer.send(.continuation, ByteBuffer(bytes: [0xA4]), on: channel)
            },
            onFrame: { frame, _ in
                if frame.opcode == .pong { pongs.withLock { $0.append(String(buffer: frame.unmaskedData)) } }
            })
        let client = try await WebSocketClient.connect(url: server.url)
        #expect(try await client.next()?.text == "one ä")
        try await eventually("the pong arrived") { pongs.withLock { $0 } == ["still there?"] }
    }

    @Test("The server's close code and reason are reported after the messages before it")
    func serverCloses() async throws {
        let server = try await ScriptedWebSocketServer(onOpen: { channel in
            ScriptedWebSocketServer.send(.text, ByteBuffer(string: "last"), on: channel)
            var data = ByteBuffer(integer: UInt16(4008))
            data.writeString("slow client")
            ScriptedWebSocketServer.send(.connectionClose, data, on: channel)
        })
        let client = try await WebSocketClient.connect(
            url: server.url, configuration: WebSocketClientConfiguration(closeTimeout: .milliseconds(50)))
        #expect(await client.closed() == WebSocketClosure(code: 4008, reason: "slow client"))
        #expect(try await client.next()?.text == "last")
        #expect(try await client.next() == nil)
        #expect(await client.closeCode == 4008)
        await #expect(throws: WebSocketClientError.closed) { try await client.send(text: "too late") }
    }

    @Test("The client's close code reaches the server, and the messages end without an error")
    func clientCloses() async throws {
        let codes = Lock<[UInt16?]>([])
        let server = try await ScriptedWebSocketServer(onFrame: { frame, channel in
            let data = frame.unmaskedData
            if frame.opcode == .connectionClose {
                codes.withLock { $0.append(data.getInteger(at: data.readerIndex, as: UInt16.self)) }
            }
            ScriptedWebSocketServer.echo(frame, channel)
        })
        let client = try await WebSocketClient.connect(url: server.url)
        await client.close(code: 3999, reason: String(repeating: "long", count: 100))
        #expect(codes.withLock { $0 } == [3999])
        #expect(await client.closeCode == 3999)
        #expect(try await client.next() == nil)
    }

    @Test("A server that does not answer the close frame is disconnected after the close timeout")
    func closeTimeout() async throws {
        let server = try await ScriptedWebSocketServer(onFrame: { _, _ in })
        let client = try await WebSocketClient.connect(
            url: server.url, configuration: WebSocketClientConfiguration(closeTimeout: .milliseconds(50)))
        await client.close()
        #expect(await client.closeCode == 1006)
    }

    @Test("A connection that ends without a close frame is an error, and pending pings fail")
    func lost() async throws {
        let server = try await ScriptedWebSocketServer(onFrame: { _, channel in channel.close(promise: nil) })
        let client = try await WebSocketClient.connect(url: server.url)
        await #expect(throws: WebSocketClientError.closed) { try await client.ping() }
        await #expect(throws: WebSocketClientError.connectionLost("the server closed it without a Close frame")) {
            try await client.next()
        }
        #expect(await client.closeCode == 1006)
    }

    @Test("Every wait can be cancelled while the server is silent")
    func cancellableWaits() async throws {
        let server = try await ScriptedWebSocketServer(onFrame: { _, _ in })
        let client = try await WebSocketClient.connect(url: server.url)
        let ping = Task { try await client.ping() }
        ping.cancel()
        await #expect(throws: CancellationError.self) { try await ping.value }
        let end = Task { await client.closed() }
        end.cancel()
        #expect(await end.value.code == 1006)
    }

    @Test("A cancelled wait loses no message")
    func cancellation() async throws {
        let server = try await ScriptedWebSocketServer()
        let client = try await WebSocketClient.connect(url: server.url)
        let waiting = Task { try await client.next() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        try await client.send(text: "kept")
        #expect(try await client.next()?.text == "kept")
    }
}

@Suite("Failed handshakes", .timeLimit(.minutes(1)))
struct HandshakeTests {
    @Test("A response other than 101 is an error with status and a bounded body")
    func refused() async throws {
        let server = try await ScriptedWebSocketServer()
        let error = await #expect(throws: WebSocketClientError.self) {
            _ = try await WebSocketClient.connect(
                url: server.url + "/refuse", configuration: WebSocketClientConfiguration(maxRefusalBodyBytes: 12))
        }
        #expect(error == .refused(status: 401, body: "no token...."))
    }

    @Test("Only an offered subprotocol may be selected")
    func subprotocols() async throws {
        let server = try await ScriptedWebSocketServer(headers: [("Sec-WebSocket-Protocol", "windsock.v1")])
        let client = try await WebSocketClient.connect(url: server.url, subprotocols: ["other", "windsock.v1"])
        #expect(client.subprotocol == "windsock.v1")
        let error = await #expect(throws: WebSocketClientError.self) {
            _ = try await WebSocketClient.connect(url: server.url)
        }
        #expect("\(try #require(error))".contains("subprotocol that was not offered"))
    }

    @Test("An extension that was not offered is rejected")
    func extensions() async throws {
        let server = try await ScriptedWebSocketServer(headers: [("Sec-WebSocket-Extensions", "permessage-deflate")])
        await #expect(
            throws: WebSocketClientError.handshakeFailed("the server selected an extension that was not offered")
        ) {
            _ = try await WebSocketClient.connect(url: server.url)
        }
    }

    @Test("A silent server fails after the timeout, an unreachable one at once")
    func noAnswer() async throws {
        let server = try await ScriptedWebSocketServer()
        await #expect(throws: WebSocketClientError.handshakeTimedOut) {
            _ = try await WebSocketClient.connect(
                url: server.url + "/silent",
                configuration: WebSocketClientConfiguration(handshakeTimeout: .milliseconds(100)))
        }
        let port = try FreePort.reserve()
        let error = await #expect(throws: WebSocketClientError.self) {
            _ = try await WebSocketClient.connect(url: "ws://127.0.0.1:\(port)/ws")
        }
        #expect("\(try #require(error))".contains("127.0.0.1:\(port)"))
    }

    @Test(
        "An invalid handshake response is rejected",
        arguments: [
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            "220 mail.example.org ESMTP\r\n",
            "",
        ])
    func badAnswers(answer: String) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AnswerOnce(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let error = await #expect(throws: WebSocketClientError.self) {
            _ = try await WebSocketClient.connect(url: "ws://127.0.0.1:\(port)")
        }
        guard case .handshakeFailed = error else { throw try #require(error) }
        try await listener.close()
    }

    private final class AnswerOnce: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let answer: String
        init(_ answer: String) { self.answer = answer }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let channel = context.channel
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer))).whenComplete { _ in
                channel.close(promise: nil)
            }
        }
    }
}

@Suite("Back-pressure of a slow consumer", .timeLimit(.minutes(1)))
struct BackPressureTests {
    /// Sends numbered 8 KiB messages as long as the socket accepts them, and counts them.
    private final class Flood: Sendable {
        /// More than the system's socket buffers hold.
        static let count = 2500

        let sent = Atomic<Int>(0)
        let isWritable = Atomic<Bool>(true)

        @Sendable func run(on channel: any Channel) {
            let isWritable = channel.isWritable
            self.isWritable.store(isWritable, ordering: .relaxed)
            if isWritable {
                guard sent.load(ordering: .relaxed) < Self.count else { return }
                let number = sent.wrappingAdd(1, ordering: .relaxed).oldValue
                let text = "\(number) " + String(repeating: ".", count: 8192)
                ScriptedWebSocketServer.send(.text, ByteBuffer(string: text), on: channel)
            }
            channel.eventLoop.scheduleTask(in: isWritable ? .microseconds(20) : .milliseconds(2)) {
                if channel.isActive { self.run(on: channel) }
            }
        }
    }

    private static let small = WebSocketClientConfiguration(maxBufferedMessages: 8, receiveBufferBytes: 4096)

    /// Waits until the flood has made no progress for a while.
    private func standstill(of flood: Flood) async throws -> Int {
        var last = (count: -1, since: ContinuousClock.now)
        try await eventually("the server is blocked by back-pressure") {
            let count = flood.sent.load(ordering: .relaxed)
            if count != last.count { last = (count, .now) }
            return !flood.isWritable.load(ordering: .relaxed) && .now - last.since > .milliseconds(200)
        }
        return last.count
    }

    @Test("Without a consumer, the server is blocked; later all messages arrive in order")
    func consumer() async throws {
        let flood = Flood()
        let server = try await ScriptedWebSocketServer(onOpen: flood.run)
        let client = try await WebSocketClient.connect(url: server.url, configuration: Self.small)
        let stopped = try await standstill(of: flood)
        #expect(stopped < Flood.count)
        for number in 0..<Flood.count {
            let text = try #require(try await client.next()?.text)
            try #require(text.hasPrefix("\(number) "))
        }
        await client.abort()
    }

    @Test("A paused client reads nothing until it is resumed, even with a waiting consumer")
    func paused() async throws {
        let flood = Flood()
        let server = try await ScriptedWebSocketServer(onOpen: flood.run)
        let client = try await WebSocketClient.connect(url: server.url, configuration: Self.small)
        try await client.pauseReading()
        let received = Lock(0)
        let consumer = Task { [messages = client.messages] in
            for try await _ in messages {
                let count = received.withLock { count in
                    count += 1
                    return count
                }
                if count == Flood.count { break }
            }
        }
        defer { consumer.cancel() }
        let stopped = try await standstill(of: flood)
        #expect(stopped < Flood.count && received.withLock { $0 } < stopped)
        try await client.resumeReading()
        try await consumer.value
        #expect(received.withLock { $0 } == Flood.count)
        await client.abort()
    }
}
