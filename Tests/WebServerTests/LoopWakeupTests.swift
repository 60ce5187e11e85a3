import Core
import NIOCore
import NIOPosix
import Services
import TestSupport
import Testing
import WebSocketClient

@testable import Realtime
@testable import WebServer

/// The hub's work and the sockets on its event loops take turns.
@Suite("Hub turns and sockets")
struct LoopWakeupTests {
    @Test("While a shard requests turn after turn, its event loop serves sockets")
    func turnsAndSockets() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let turns = TurnCounter()
        do {
            let loop = try #require(try await LoopWakeup.loops(of: group).first)
            let server = try await ServerBootstrap(group: group)
                .childChannelInitializer { $0.close() }
                .bind(host: "127.0.0.1", port: 0).get()
            let address = try #require(server.localAddress)
            loop.turns.setTurn { if turns.goOn() { loop.turns.request() } }
            loop.turns.request()
            try await eventually("the shard took turns") { turns.count > 100 }
            let client = try await ClientBootstrap(group: group).connect(to: address).get()
            try await client.closeFuture.get()
            #expect(turns.stop() == false)
        }
        try await group.shutdownGracefully()
    }

    @Test("During endless replays, commands are answered")
    func replays() async throws {
        let server = try await LiveServer()
        let client = try await server.client()
        let turns = TurnCounter()
        for shard in server.hub.shards {
            try await shard.eventLoop.submit {
                for number in 1...20 {
                    let client = shard.connect(id: "endless-\(number)", user: "endless", sink: OpenSink())
                    shard.replay(to: client, [], first: Replay.Page([], isLast: false), completion: {}) { take in
                        let isLast = !turns.goOn()
                        server.hub.perform(on: shard) { _ in take(Replay.Page([], isLast: isLast)) }
                    }
                }
            }.get()
        }
        try await eventually("the replays run") { turns.count > 1000 }
        try await client.send(text: #"{"type":"clock_sync","id":"1","payload":{"t0":1}}"#)
        _ = try await client.nextJSON("the answer") { $0["id"]?.string == "1" }
        #expect(turns.stop() == false)
        try await server.stop()
    }

    /// Counts turns until it is stopped or a deadline passes, so that a failing test does not keep the processors busy.
    private final class TurnCounter: Sendable {
        private struct State {
            var count = 0
            var isStopped = false
        }

        private let state = Lock(State())
        private let deadline = Deadline(in: .seconds(60))

        var count: Int { state.withLock { $0.count } }

        /// Counts a turn and returns whether there should be another one.
        func goOn() -> Bool {
            state.withLock { state in
                state.count += 1
                if deadline.hasPassed { state.isStopped = true }
                return !state.isStopped
            }
        }

        /// Stops the work and returns whether it had already stopped.
        func stop() -> Bool {
            state.withLock { state in
                defer { state.isStopped = true }
                return state.isStopped
            }
        }
    }

    /// A socket that accepts everything.
    private final class OpenSink: ClientSink {
        let isWritable = true
        let roundTripTime: TimeAmount? = nil

        func write(_ frames: ByteBuffer) {}
        func flush() {}
        func close(code: CloseCode, reason: String) {}
        func chargeReplay(_ cost: Int) -> TimeAmount { .zero }
        func sweep(at now: NIODeadline) {}
    }
}
