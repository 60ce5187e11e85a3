package import NIOCore
import NIOPosix
import NIOWebSocket

/// The client side of one WebSocket connection, for `windsock tail`, tests and benchmarks.
///
/// The consumer takes ``messages`` at its own pace. If it is slow, the client stops reading from the socket, so memory
/// stays bounded. The connection is closed when the client is released.
///
/// Source: RFC 6455.
package final class WebSocketClient: Sendable {
    /// The server's messages, in order, until the connection ends.
    ///
    /// The sequence ends without an error after a Close frame from either side. Otherwise it throws `protocolViolation`
    /// or `connectionLost`.
    package let messages: WebSocketMessages
    /// The subprotocol that the server selected from those offered; `nil` if it selected none.
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
    ///   - headers: Additional request headers, such as `Authorization` or `Origin`.
    ///   - subprotocols: The subprotocols to offer, in this order.
    /// - Throws: ``WebSocketClientError``. `refused` carries the status and body of a response that is not an upgrade.
    package static func connect(
        url: String, headers: [(String, String)] = [], subprotocols: [String] = [],
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        configuration: WebSocketClientConfiguration = WebSocketClientConfiguration()
    ) async throws -> WebSocketClient {
        let handshake = WebSocketHandshake(
            url: try WebSocketURL(url), headers: headers, subprotocols: subprotocols, configuration: configuration)
        return try await handshake.perform(on: eventLoopGroup)
    }

    /// Sends a text message. Returns once the message is written to the socket, so a server that reads slowly delays a
    /// caller that awaits.
    package func send(text: String) async throws {
        try await send(.text, ByteBuffer(string: text))
    }

    /// Sends a binary message.
    package func send(binary: ByteBuffer) async throws {
        try await send(.binary, binary)
    }

    /// Returns the next message, or `nil` after the last. The same as one step of ``messages``.
    package func next() async throws -> WebSocketMessage? {
        try await messages.queue.next()
    }

    /// Sends a ping and waits for its pong. The pong proves that the server has read everything sent before.
    ///
    /// While reading is paused or the queue of received messages is full, the pong is not read either.
    ///
    /// - Throws: `closed` when the connection ends first, or when 64 pings are already pending.
    package func ping() async throws {
        try await cancellable { [handler, eventLoop = channel.eventLoop] promise in
            eventLoop.execute { handler.value.ping(promise) }
        }
    }

    /// Sends a Close frame with `code` and waits until the connection is closed.
    ///
    /// The server closes the connection after its own Close frame; otherwise the client does so after
    /// ``WebSocketClientConfiguration/closeTimeout``. Messages that arrive in the meantime are dropped.
    package func close(code: UInt16 = 1000, reason: String = "") async {
        channel.eventLoop.execute { [handler] in
            handler.value.close(code: code, reason: reason)
        }
        _ = await closed()
    }

    /// Closes the socket without a Close frame, as if the client's machine had lost power.
    package func abort() async {
        channel.close(mode: .all, promise: nil)
        _ = await closed()
    }

    /// Waits for the end of the connection and returns the server's closure. Cancelling the wait closes the socket.
    @discardableResult
    package func closed() async -> WebSocketClosure {
        await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(mode: .all, promise: nil)
        }
        return await closure ?? WebSocketClosure(code: 1006, reason: "")
    }

    /// The code of the server's Close frame, or 1006 when the connection ended without one. `nil` while it is open.
    package var closeCode: UInt16? {
        get async { await closure?.code }
    }

    private var closure: WebSocketClosure? {
        get async {
            (try? await channel.eventLoop.submit { [handler] in handler.value.closure }.get()) ?? nil
        }
    }

    /// Stops reading from the socket, to simulate a client that hangs. Messages already read still come out of
    /// ``messages``.
    package func pauseReading() async throws {
        try await channel.eventLoop.submit { [handler] in handler.value.setPaused(true) }.get()
    }

    /// Resumes reading after ``pauseReading()``.
    package func resumeReading() async throws {
        try await channel.eventLoop.submit { [handler] in handler.value.setPaused(false) }.get()
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer) async throws {
        // RFC 6455 section 5.3: every frame is masked with an unpredictable key.
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
        do {
            try await cancellable { channel.writeAndFlush(frame, promise: $0) }
        } catch is ChannelError {
            throw WebSocketClientError.closed
        }
    }

    /// Waits until the operation begun by `start` completes its promise, or until cancellation. The operation itself is
    /// not cancelled.
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

/// Limits and deadlines of a ``WebSocketClient``.
package struct WebSocketClientConfiguration: Sendable {
    /// The maximum payload of a frame, in bytes. A longer frame ends the connection with code 1009.
    package var maxFrameBytes: Int
    /// The maximum size of a message in bytes, over all its fragments.
    package var maxMessageBytes: Int
    /// The number of received messages that may wait for the consumer before reading from the socket stops. Messages
    /// from one more read (at most 64 KiB) may exceed it.
    package var maxBufferedMessages: Int
    /// The size in bytes of the received messages that may wait for the consumer before reading from the socket stops.
    package var maxBufferedBytes: Int
    /// The maximum number of bytes to keep of the body of a response that refuses the upgrade.
    package var maxRefusalBodyBytes: Int
    /// The time limit for connecting, and a separate one of the same length for the handshake.
    package var handshakeTimeout: Duration
    /// The time that the server has to answer a Close frame before the socket is closed.
    package var closeTimeout: Duration
    /// The size of the socket's receive buffer; `nil` means the system's default. With a small buffer the server
    /// notices sooner that the client has stopped reading.
    package var receiveBufferBytes: Int?
    /// A PEM file of the certificates that `wss://` trusts; `nil` means the system's.
    package var caFile: String?

    package init(
        maxFrameBytes: Int = 1 << 20,
        maxMessageBytes: Int = 1 << 20,
        maxBufferedMessages: Int = 256,
        maxBufferedBytes: Int = 1 << 20,
        maxRefusalBodyBytes: Int = 16 << 10,
        handshakeTimeout: Duration = .seconds(10),
        closeTimeout: Duration = .seconds(5),
        receiveBufferBytes: Int? = nil,
        caFile: String? = nil
    ) {
        self.maxFrameBytes = min(max(maxFrameBytes, 125), Int(UInt32.max))
        self.maxMessageBytes = maxMessageBytes
        self.maxBufferedMessages = max(maxBufferedMessages, 1)
        self.maxBufferedBytes = max(maxBufferedBytes, 1)
        self.maxRefusalBodyBytes = maxRefusalBodyBytes
        self.handshakeTimeout = handshakeTimeout
        self.closeTimeout = closeTimeout
        self.receiveBufferBytes = receiveBufferBytes
        self.caFile = caFile
    }
}

/// The reason why a connection could not be made, or ended without a Close frame.
package enum WebSocketClientError: Error, Equatable, CustomStringConvertible {
    /// The URL cannot be used. The text gives the reason and the expected form.
    case invalidURL(String)
    /// The TCP connection failed. The text gives the address and the cause.
    case connectionFailed(String)
    /// The server answered the upgrade with a status other than 101. `body` is truncated to
    /// ``WebSocketClientConfiguration/maxRefusalBodyBytes``.
    case refused(status: Int, body: String)
    /// The server's response to the upgrade violates RFC 6455 section 4.1.
    case handshakeFailed(String)
    /// Connecting or the handshake took longer than ``WebSocketClientConfiguration/handshakeTimeout``.
    case handshakeTimedOut
    /// The server violated the protocol after the handshake. The connection was closed with `code`.
    case protocolViolation(code: UInt16, reason: String)
    /// The connection ended without a Close frame (code 1006 in RFC 6455).
    case connectionLost(String)
    /// The connection is already closed.
    case closed

    package var description: String {
        switch self {
        case .invalidURL(let reason): reason
        case .connectionFailed(let reason): "cannot connect: \(reason)"
        case .refused(let status, let body):
            body.isEmpty ? "the server responded with \(status)" : "the server responded with \(status): \(body)"
        case .handshakeFailed(let reason): "the handshake failed: \(reason)"
        case .handshakeTimedOut: "the handshake timed out"
        case .protocolViolation(let code, let reason): "the server violated the protocol (\(code)): \(reason)"
        case .connectionLost(let reason): "the connection was lost: \(reason)"
        case .closed: "the connection is closed"
        }
    }
}
