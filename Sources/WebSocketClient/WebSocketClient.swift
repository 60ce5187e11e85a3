package import NIOCore
import NIOPosix
import NIOWebSocket

/// One WebSocket connection, seen from the client: for `windsock tail`, tests and benchmarks.
///
/// Messages are taken from ``messages`` at the consumer's pace: whoever is slow slows the socket
/// and grows no memory. The connection is closed when the client is released.
///
/// Source: RFC 6455.
package final class WebSocketClient: Sendable {
    /// What the server sends, in order, until the connection ends.
    ///
    /// Ends without an error after a Close frame of either side. Throws `protocolViolation` or `connectionLost`.
    package let messages: WebSocketMessages
    /// The subprotocol that the server selected of those offered.
    package let subprotocol: String?

    private let channel: any Channel
    private let handler: NIOLoopBound<WebSocketClientHandler>

    init(channel: any Channel, handler: NIOLoopBound<WebSocketClientHandler>, queue: MessageQueue, subprotocol: String?)
    {
        self.channel = channel
        self.handler = handler
        self.messages = WebSocketMessages(queue: queue)
        self.subprotocol = subprotocol
    }

    deinit {
        channel.close(promise: nil)
    }

    /// Connects to `url` and completes the handshake.
    ///
    /// - Parameters:
    ///   - url: `ws://host[:port][/path][?query]`, or the same with `wss`.
    ///   - headers: added to the request, such as `Authorization` or `Origin`.
    ///   - subprotocols: offered in this order.
    /// - Throws: ``WebSocketClientError``; `refused` carries status and body of an answer that is no upgrade.
    package static func connect(
        url: String, headers: [(String, String)] = [], subprotocols: [String] = [],
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        configuration: WebSocketClientConfiguration = WebSocketClientConfiguration()
    ) async throws -> WebSocketClient {
        let handshake = WebSocketHandshake(
            url: try WebSocketURL(url), headers: headers, subprotocols: subprotocols, configuration: configuration)
        return try await handshake.perform(on: eventLoopGroup)
    }

    /// Sends a text message. Returns when the socket took it: a caller that awaits is slowed by a slow server.
    package func send(text: String) async throws {
        try await send(.text, ByteBuffer(string: text))
    }

    /// Sends a binary message.
    package func send(binary: ByteBuffer) async throws {
        try await send(.binary, binary)
    }

    /// The next message, or `nil` after the last; the same as one step of ``messages``.
    package func next() async throws -> WebSocketMessage? {
        try await messages.queue.next()
    }

    /// Sends a ping and waits for its pong, which proves that the server has read what was sent before.
    ///
    /// While reading is paused or the queue is full, no pong is seen.
    ///
    /// - Throws: `closed` when the connection ends first, or 64 pings wait already.
    package func ping() async throws {
        try await cancellable { [handler, eventLoop = channel.eventLoop] promise in
            eventLoop.execute { handler.value.ping(promise) }
        }
    }

    /// Says goodbye with `code` and waits until the connection is closed: by the server after its own Close frame, or
    /// after ``WebSocketClientConfiguration/closeTimeout``. Messages that come meanwhile are dropped.
    package func close(code: UInt16 = 1000, reason: String = "") async {
        channel.eventLoop.execute { [handler] in
            handler.value.close(code: code, reason: reason)
        }
        _ = await closed()
    }

    /// Closes the socket without a word, as a client does whose machine loses power.
    package func abort() async {
        channel.close(mode: .all, promise: nil)
        _ = await closed()
    }

    /// Waits for the end of the connection and tells how the server ended it. Cancelling the wait closes the socket.
    @discardableResult
    package func closed() async -> WebSocketClosure {
        await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(mode: .all, promise: nil)
        }
        return await closure ?? WebSocketClosure(code: 1006, reason: "")
    }

    /// The code of the server's Close frame, once there was one; 1006 when the connection ended without.
    package var closeCode: UInt16? {
        get async { await closure?.code }
    }

    private var closure: WebSocketClosure? {
        get async {
            (try? await channel.eventLoop.submit { [handler] in handler.value.closure }.get()) ?? nil
        }
    }

    /// Stops reading from the socket: plays a client that hangs. What was read already still comes out of
    /// ``messages``.
    package func pauseReading() async throws {
        try await channel.eventLoop.submit { [handler] in handler.value.setPaused(true) }.get()
    }

    /// Reads again after ``pauseReading()``.
    package func resumeReading() async throws {
        try await channel.eventLoop.submit { [handler] in handler.value.setPaused(false) }.get()
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer) async throws {
        // RFC 6455 section 5.3: every frame is masked with a key that nobody can predict.
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
        do {
            try await cancellable { channel.writeAndFlush(frame, promise: $0) }
        } catch is ChannelError {
            throw WebSocketClientError.closed
        }
    }

    /// Waits for what `start` begins to fulfil its promise, or for cancellation; the work itself then goes on.
    private func cancellable(_ start: (EventLoopPromise<Void>) -> Void) async throws {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        start(promise)
        try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }
}
