import NIOCore
import NIOPosix
import Services
import Synchronization
import Telemetry
import TestSupport
import Testing
import WebSocketClient

@testable import Realtime
@testable import WebServer

/// The hub's work and the sockets of its loops take turns.
@Suite("Turns of the hub")
struct LoopBellTests {
    @Test("While a shard asks for one turn after the other, its loop serves sockets")
    func turnsAndSockets() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let count = Mutex(0)
        do {
            let loop = try #require(try await LoopBell.loops(of: group).first)
            loop.turns.begin {
                count.withLock { $0 += 1 }
                loop.turns.request()
            }
            loop.turns.request()
            try await eventually("it has turns") { count.withLock(\.self) > 100 }
            let server = try await ServerBootstrap(group: group)
                .childChannelInitializer { $0.close() }
                .bind(host: "127.0.0.1", port: 0).get()
            let client = try await ClientBootstrap(group: group).connect(to: try #require(server.localAddress)).get()
            try await client.closeFuture.get()
            let before = count.withLock(\.self)
            try await eventually("it still has turns") { count.withLock(\.self) > before + 100 }
        }
        try await group.shutdownGracefully()
    }

    @Test("While replays go on without end, commands are answered")
    func replays() async throws {
        let server = try await LiveServer()
        let sent = Mutex(0)
        for shard in server.hub.shards {
            try await shard.eventLoop.submit {
                for number in 1...20 {
                    let client = shard.connect(id: "endless-\(number)", user: "endless", sink: OpenSink())
                    shard.replay(to: client, [], first: Replay.Page([], isLast: false), completion: {}) { take in
                        sent.withLock { $0 += 1 }
                        server.hub.perform(on: shard) { _ in
                            take(Replay.Page([], isLast: false))
                        }
                    }
                }
            }.get()
        }
        try await eventually("they go on") { sent.withLock(\.self) > 1000 }
        let client = try await server.client()
        for number in 1...20 {
            try await client.send(text: #"{"type":"clock_sync","id":"\#(number)","payload":{"t0":1}}"#)
            _ = try await client.nextJSON("answer \(number)") { $0["id"]?.string == "\(number)" }
        }
        let before = sent.withLock(\.self)
        try await eventually("they still go on") { sent.withLock(\.self) > before + 1000 }
        try await server.stop()
    }

    /// A socket that takes everything.
    private final class OpenSink: ClientSink {
        let isWritable = true
        let roundTripTime: TimeAmount? = nil

        func write(_ frames: ByteBuffer) {}
        func flush() {}
        func close(code: CloseCode, reason: String) {}
        func chargeReplay(_ messageCount: Int) -> TimeAmount { .zero }
        func sweep(at now: NIODeadline) {}
    }
}
