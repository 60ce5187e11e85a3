import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import WebServer

/// A client's bytes are parsed on demand, not on arrival.
@Suite("HTTP input throttle")
struct HTTPInputThrottleTests {
    /// Records input and reads more only when the test asks for it.
    private final class Reader: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = Never

        var portions: [String] = []
        var isEnded = false
        var wantsAll = false

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            portions.append(String(buffer: unwrapInboundIn(data)))
        }

        func read(context: ChannelHandlerContext) {
            if wantsAll { context.read() }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event as? ChannelEvent == .inputClosed { isEnded = true }
        }
    }

    private let gate = HTTPInputThrottle()
    private let reader = Reader()
    private let channel: EmbeddedChannel
    private var context: ChannelHandlerContext {
        get throws { try channel.pipeline.syncOperations.context(handler: reader) }
    }

    init() throws {
        channel = EmbeddedChannel(handlers: [gate, reader])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private func receive(_ text: String) {
        channel.pipeline.fireChannelRead(ByteBuffer(string: text))
        channel.pipeline.fireChannelReadComplete()
    }

    private static func text(_ byteCount: Int) -> String {
        String(repeating: "abcdefghij", count: byteCount / 10)
    }

    @Test("Small input passes unchanged; large input is passed on 1 KiB per read")
    func portions() throws {
        try context.read()
        receive("GET")
        #expect(reader.portions == ["GET"])
        let text = Self.text(2500)
        try context.read()
        receive(text)
        #expect(reader.portions.dropFirst().map(\.utf8.count) == [1024])
        receive("more, without a read")
        #expect(reader.portions.count == 2)
        for _ in 1...3 { try context.read() }
        #expect(reader.portions.dropFirst().joined() == text + "more, without a read")
        #expect(reader.portions.allSatisfy { $0.utf8.count <= 1024 })
    }

    @Test("A reader that reads continuously gets all input of a single socket read")
    func all() throws {
        reader.wantsAll = true
        let text = Self.text(10_000)
        try context.read()
        receive(text)
        #expect(reader.portions.joined() == text)
        #expect(reader.portions.count == 10)
    }

    @Test("The end of input follows the held bytes")
    func end() throws {
        receive(Self.text(1500))
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(!reader.isEnded && reader.portions.isEmpty)
        try context.read()
        #expect(!reader.isEnded && reader.portions.count == 1)
        try context.read()
        #expect(reader.isEnded && reader.portions.joined() == Self.text(1500))
    }

    @Test("Removing the handler passes on the held bytes")
    func removal() throws {
        receive(Self.text(1500))
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        try channel.pipeline.syncOperations.removeHandler(gate).wait()
        #expect(reader.portions.joined() == Self.text(1500))
        #expect(reader.isEnded)
    }

    @Test("Pipelined requests followed by the end of input are all answered in order")
    func pipelining() async throws {
        try await Endpoint.withServer { server in
            let socket = try RawSocket(port: server.port)
            let count = 2000
            let requests = (0..<count).map { "GET /nothing/\($0) HTTP/1.1\r\nhost: a\r\n\r\n" }.joined()
            async let answers = socket.text()
            try await socket.send(Array(requests.utf8))
            socket.finishSending()
            #expect(try await answers.ranges(of: "HTTP/1.1 404 ").count == count)
        }
    }
}
