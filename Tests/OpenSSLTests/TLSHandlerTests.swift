import COpenSSL
import Core
import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import OpenSSL

/// TLS between real sockets: ``TLSHandler`` on both sides, or OpenSSL's own client.
@Suite("TLS handler")
struct TLSHandlerTests {
    /// A handler that notes everything that the TLS handler passes on.
    private final class Recorder: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        struct Log {
            var bytes: [UInt8] = []
            var hasInputClosed = false
            var errors: [String] = []
            var isInactive = false
        }

        private let state = Lock(Log())
        var log: Log { state.withLock { $0 } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            state.withLock { $0.bytes.append(contentsOf: bytes.readableBytesView) }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event as? ChannelEvent == .inputClosed { state.withLock { $0.hasInputClosed = true } }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            state.withLock { $0.errors.append("\(error)") }
        }

        func channelInactive(context: ChannelHandlerContext) {
            state.withLock { $0.isInactive = true }
        }
    }

    /// A listener whose connections are recorded.
    private struct Server {
        let certificate: TestCertificate
        let listener: any Channel
        let recorder = Recorder()
        let accepted: EventLoopFuture<any Channel>
        var port: Int { listener.localAddress?.port ?? 0 }

        init(_ names: String = "DNS:localhost,IP:127.0.0.1") async throws {
            certificate = try await TestCertificate(names)
            let context = try TLSContext(certificateFile: certificate.file, keyFile: certificate.keyFile)
            let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: (any Channel).self)
            accepted = promise.futureResult
            listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { [recorder] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(TLSHandler(server: context))
                        try channel.pipeline.syncOperations.addHandler(recorder)
                        promise.succeed(channel)
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
        }

        /// Connects a client that expects the certificate to be for `host`; without a recorder, a plain one.
        func connect(_ recorder: Recorder?, host: String = "127.0.0.1", trusting file: String?) async throws
            -> any Channel
        {
            let context = try TLSContext(caFile: file)
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard let recorder else { return }
                        try channel.pipeline.syncOperations.addHandler(TLSHandler(client: context, host: host))
                        try channel.pipeline.syncOperations.addHandler(recorder)
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
        }

        func stop() async throws {
            if listener.isActive { try await listener.close() }
        }
    }

    @Test("Data of any size arrives whole and in order in both directions")
    func data() async throws {
        let server = try await Server()
        let recorder = Recorder()
        let client = try await server.connect(recorder, trusting: server.certificate.file)
        var random = SeededRandom(seed: 7)
        var parts: [[UInt8]] = []
        for count in [0, 1, 16_383, 16_384, 16_385, 200_000] {
            parts.append((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        for part in parts {
            client.write(ByteBuffer(bytes: part), promise: nil)
            client.write(ByteBuffer(bytes: [1, 2, 3]), promise: nil)
        }
        try await client.writeAndFlush(ByteBuffer(bytes: [9]))
        let expected = parts.flatMap { part -> [UInt8] in part + [1, 2, 3] } + [9]
        try await eventually("the data") { server.recorder.log.bytes.count == expected.count }
        #expect(server.recorder.log.bytes == expected)
        let peer = try await server.accepted.get()
        try await peer.writeAndFlush(ByteBuffer(bytes: expected))
        try await eventually("the answer") { recorder.log.bytes.count == expected.count }
        #expect(recorder.log.bytes == expected)
        try await client.close()
        try await eventually("the server's end") { server.recorder.log.hasInputClosed }
        #expect(server.recorder.log.errors == [] && recorder.log.errors == [])
        try await server.stop()
    }

    @Test("A half that is closed with close_notify leaves the other half open")
    func halfClosure() async throws {
        let server = try await Server()
        let recorder = Recorder()
        let client = try await server.connect(recorder, trusting: server.certificate.file)
        try await client.writeAndFlush(ByteBuffer(string: "question"))
        try await client.close(mode: .output)
        try await eventually("the end of the input") { server.recorder.log.hasInputClosed }
        #expect(server.recorder.log.bytes == Array("question".utf8))
        let peer = try await server.accepted.get()
        try await peer.writeAndFlush(ByteBuffer(string: "answer"))
        try await peer.close()
        try await eventually("the client's end") { recorder.log.isInactive }
        #expect(recorder.log.bytes == Array("answer".utf8))
        #expect(server.recorder.log.errors == [] && recorder.log.errors == [])
        try await server.stop()
    }

    @Test("Data and the end of the output that precede the handshake arrive after it, and so does the answer")
    func earlyHalfClosure() async throws {
        let server = try await Server()
        let recorder = Recorder()
        let client = try await server.connect(recorder, trusting: server.certificate.file)
        let question = [UInt8](repeating: 5, count: 100_000)
        // The handshake needs an answer of the server, so it is not complete yet.
        try await client.eventLoop.submit {
            client.write(ByteBuffer(bytes: question), promise: nil)
            client.flush()
            client.close(mode: .output, promise: nil)
        }.get()
        try await eventually("the end of the input") { server.recorder.log.hasInputClosed }
        #expect(server.recorder.log.bytes == question)
        let peer = try await server.accepted.get()
        peer.write(ByteBuffer(bytes: question), promise: nil)
        peer.flush()
        try await peer.close(mode: .output)
        try await eventually("the client's end") { recorder.log.isInactive }
        #expect(recorder.log.bytes == question && recorder.log.hasInputClosed)
        #expect(server.recorder.log.errors == [] && recorder.log.errors == [])
        try await server.stop()
    }

    @Test("Input after close_notify is ignored and not kept")
    func inputAfterTheEnd() async throws {
        let certificate = try await TestCertificate()
        let server = try TLSSession(
            TLSContext(certificateFile: certificate.file, keyFile: certificate.keyFile), peer: nil)
        let client = try TLSSession(TLSContext(caFile: certificate.file), peer: "localhost")
        for _ in 0..<10 where !server.isComplete {
            if !client.isComplete { _ = try client.handshake() }
            if let bytes = client.takeOutput() { try server.receive(bytes) }
            _ = try server.handshake()
            if let bytes = server.takeOutput() { try client.receive(bytes) }
        }
        try #require(server.isComplete)
        client.closeOutput()
        try server.receive(try #require(client.takeOutput()))
        var target = [UInt8](repeating: 0, count: 16_384)
        let input = try target.withUnsafeMutableBytes { try server.read(into: $0) }
        guard case .end = input else {
            Issue.record("\(input)")
            return
        }
        try server.receive(ByteBuffer(repeating: 0, count: 65_536))
        #expect(server.input == nil)
    }

    @Test("A key that does not belong to the certificate is rejected as such")
    func mismatch() async throws {
        let (one, other) = (try await TestCertificate(), try await TestCertificate())
        let error = #expect(throws: TLSError.self) { try TLSContext(certificateFile: one.file, keyFile: other.keyFile) }
        guard case .mismatch = error?.subject else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("A connection that ends without close_notify is an error")
    func truncation() async throws {
        let server = try await Server()
        let client = try await server.connect(Recorder(), trusting: server.certificate.file)
        try await client.writeAndFlush(ByteBuffer(string: "half a mess"))
        try await eventually("the data") { !server.recorder.log.bytes.isEmpty }
        // The tail of the pipeline is skipped, and with it the handler that would send close_notify.
        let head = try await client.pipeline.context(handlerType: TLSHandler.self).map {
            NIOLoopBound($0, eventLoop: $0.eventLoop)
        }.get()
        client.eventLoop.execute { head.value.close(promise: nil) }
        try await eventually("the server's end") { server.recorder.log.isInactive }
        #expect(server.recorder.log.errors == ["the connection ended without close_notify"])
        #expect(!server.recorder.log.hasInputClosed)
        try await server.stop()
    }

    @Test("A client refuses a certificate that it does not trust, or that is for another host")
    func verification() async throws {
        let server = try await Server("DNS:other.example,IP:127.0.0.9")
        for (host, file, reason) in [
            ("127.0.0.9", nil, "self-signed certificate"),
            ("127.0.0.1", server.certificate.file, "IP address mismatch"),
            ("localhost", server.certificate.file, "hostname mismatch"),
        ] {
            let recorder = Recorder()
            let client = try await server.connect(recorder, host: host, trusting: file)
            try await client.closeFuture.get()
            try await eventually("the error") { recorder.log.errors.contains { $0.contains(reason) } }
        }
        let recorder = Recorder()
        let client = try await server.connect(recorder, host: "other.example", trusting: server.certificate.file)
        try await client.writeAndFlush(ByteBuffer(string: "trusted"))
        try await eventually("the data") { server.recorder.log.bytes == Array("trusted".utf8) }
        try await client.close()
        try await server.stop()
    }

    @Test("A peer that sends 32 KiB without completing the handshake is cut off")
    func longHandshake() async throws {
        let server = try await Server()
        let client = try await server.connect(nil, trusting: nil)
        // A ClientHello of 130,000 bytes (RFC 8446 section 4), in records of 16 KiB.
        var hello: [UInt8] = [1, 1, 0xFB, 0xD0] + [3, 3] + [UInt8](repeating: 0, count: 16_378)
        for _ in 0..<3 {
            try? await client.writeAndFlush(ByteBuffer(bytes: [22, 3, 1, 0x40, 0] + hello))
            hello = [UInt8](repeating: 0, count: 16_384)
        }
        try await eventually("the error") {
            server.recorder.log.errors == ["more than 32768 bytes before the handshake is complete"]
        }
        try await eventually("the server's end") { server.recorder.log.isInactive }
        try? await client.close()
        try await server.stop()
    }

    @Test("Key updates are bounded by the data sent with them", arguments: [false, true])
    func keyUpdates(sendsData: Bool) async throws {
        let server = try await Server()
        let port = server.port
        async let count = withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: Self.updateKeys(port: port, sendsData: sendsData)) }
        }
        if sendsData {
            try await eventually("the data") { server.recorder.log.bytes.count == 100 * 16_384 }
        } else {
            try await eventually("the error") { server.recorder.log.errors.contains("too many records without data") }
        }
        // The server has closed the connection itself unless data came.
        try? await server.accepted.get().close()
        #expect((await count == 100) || !sendsData)
        try await server.stop()
    }

    /// Changes the keys up to a hundred times, each time after 16 KiB of data or none, and waits for the server to close
    /// the connection. Returns how often that worked.
    private static func updateKeys(port: Int, sendsData: Bool) -> Int {
        signal(SIGPIPE, SIG_IGN)
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        // Ends the thread if the server never closes the connection.
        var limit = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let context = SSL_CTX_new(TLS_client_method())
        let ssl = SSL_new(context)
        defer {
            SSL_free(ssl)
            SSL_CTX_free(context)
        }
        SSL_set_fd(ssl, socket)
        guard isConnected, SSL_connect(ssl) == 1 else { return -1 }
        let data = [UInt8](repeating: 0, count: 16_384)
        for done in 0..<100 {
            guard !sendsData || SSL_write(ssl, data, Int32(data.count)) > 0,
                SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1, SSL_do_handshake(ssl) == 1
            else { return done }
        }
        SSL_shutdown(ssl)
        // Closing with unread input would reset the connection and discard what the server has not read.
        var byte: UInt8 = 0
        while recv(socket, &byte, 1, 0) > 0 {}
        return 100
    }
}
