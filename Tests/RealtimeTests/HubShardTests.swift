import Core
import CoreMetrics
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Realtime

/// A shard delivers each client its messages in order, with one flush per tick, and isolates clients from each other.
@Suite("Hub shard")
struct HubShardTests {
    typealias Sink = HubFixture.Sink
    typealias Setup = HubFixture

    @Test("A client gets the messages of a tick in publishing order across rooms, with one flush")
    func order() throws {
        let setup = try Setup()
        let both = Sink()
        let one = Sink()
        _ = try setup.join("a", "b", sink: both)
        _ = try setup.join("a", sink: one)
        setup.publish(("a", "1"), ("b", "2"))
        setup.publish(("a", "3"))
        setup.loop.run()
        #expect(both.text == "123")
        #expect(one.text == "13")
        #expect(both.flushes == 1 && one.flushes == 1)
        #expect(both.written.count == 1, "small frames are joined")
        #expect(setup.encoder.count.value.load(ordering: .relaxed) == 3, "each message is encoded once")
    }

    @Test("A single message in a tick is sent at once")
    func alone() throws {
        let setup = try Setup()
        let sink = Sink()
        _ = try setup.join("a", sink: sink)
        setup.publish(("a", "1"))
        setup.loop.run()
        setup.publish(("a", "2"))
        setup.loop.run()
        #expect(sink.written == ["1", "2"])
    }

    @Test("Without clients, nothing is encoded")
    func nobody() throws {
        let setup = try Setup()
        setup.publish(("a", "1"))
        setup.loop.run()
        #expect(setup.encoder.count.value.load(ordering: .relaxed) == 0)
    }

    @Test("The messages of a stuck client are queued and conflated; other clients get theirs at once")
    func stuckClient() throws {
        let setup = try Setup(queueBytes: 8)
        let stuck = Sink()
        let healthy = Sink()
        stuck.isWritable = false
        let client = try setup.join("a", sink: stuck)
        _ = try setup.join("a", sink: healthy)
        for number in 0..<6 { setup.publish(("a", "mm\(number)")) }
        setup.loop.run()
        #expect(healthy.text == "mm0mm1mm2mm3mm4mm5")
        #expect(stuck.written.isEmpty)
        #expect(client.queuedByteCount <= 8)
        stuck.isWritable = true
        setup.shard.resume(client)
        #expect(stuck.text == "<gap>mm4mm5", "a gap notice, then the latest messages that fit")
        setup.publish(("a", "next"))
        setup.loop.run()
        #expect(stuck.text.hasSuffix("next"))
    }

    @Test("A client whose socket fills up during a tick loses nothing and keeps the order")
    func fillsMidTick() throws {
        let setup = try Setup()
        let sink = Sink()
        sink.capacity = 40_000
        let client = try setup.join("a", "b", sink: sink)
        let big = String(repeating: "x", count: 20_000)
        setup.publish(("a", big + "1"), ("b", big + "2"), ("a", big + "3"), ("b", "4"))
        setup.loop.run()
        #expect(!sink.text.hasSuffix("4"))
        sink.isWritable = true
        sink.capacity = .max
        setup.shard.resume(client)
        #expect(sink.text == big + "1" + big + "2" + big + "3" + "4")
    }

    @Test("A client whose queue is full of reliable messages is closed with 4008")
    func slowClient() throws {
        let setup = try Setup(queueBytes: 10)
        let sink = Sink()
        sink.isWritable = false
        let client = try setup.join("a", sink: sink)
        let message = Message(
            type: .joined, payload: Array("12345678".utf8), timestamp: Timestamp(nanosecondsSinceEpoch: 0))
        setup.shard.send([message], to: client)
        #expect(sink.closed == nil)
        setup.shard.send([message], to: client)
        #expect(sink.closed == .slowClient)
    }

    @Test("A disconnected client gets nothing and is in no room")
    func disconnected() throws {
        let setup = try Setup(presenceGrace: .zero)
        let sink = Sink()
        let client = try setup.join("a", "#", sink: sink)
        setup.publish(("a", "1"))
        setup.shard.disconnect(client)
        setup.shard.disconnect(client)
        setup.loop.run()
        #expect(sink.written.isEmpty)
        #expect(setup.hub.presence.snapshot().onlineUsers.isEmpty)
        #expect(setup.hub.presence.snapshot().groups.isEmpty)
        #expect(setup.hub.presence.clientCount == 0)
    }

    @Test("`afterPublished` runs after the published messages were written, however late the shard's turn")
    func afterPublished() throws {
        let turns = HubFixture.ManualTurns()
        let setup = try HubFixture(turns: turns)
        let sink = HubFixture.Sink()
        _ = try setup.join("a", sink: sink)
        let written = Lock<[String]>([])
        let bound = NIOLoopBound(sink, eventLoop: setup.loop)
        setup.publish(("a", "1"))
        setup.shard.afterPublished { written.withLock { $0.append(bound.value.text) } }
        setup.loop.run()
        #expect(written.withLock(\.self) == [])
        turns.take()
        setup.loop.run()
        #expect(written.withLock(\.self) == ["1"])
        setup.shard.afterPublished { written.withLock { $0.append("at once") } }
        setup.loop.run()
        #expect(written.withLock(\.self) == ["1", "at once"])
    }

    @Test("`perform` runs between the messages published before and after it")
    func work() throws {
        let setup = try Setup()
        let sink = Sink()
        let client = setup.shard.connect(id: "c", user: "u", sink: sink)
        let filter = try TopicFilter("a")
        setup.publish(("a", "before"))
        let box = NIOLoopBound(client, eventLoop: setup.loop)
        setup.hub.perform(on: setup.shard) { shard in
            shard.join(box.value, filter)
            shard.send(
                [
                    Message(
                        type: .joined, payload: Array("joined ".utf8), timestamp: Timestamp(nanosecondsSinceEpoch: 0))
                ],
                to: box.value)
        }
        setup.publish(("a", "after"))
        setup.loop.run()
        #expect(sink.text == "joined after")
    }

    @Test("Summaries of many clients are made in portions, so that the event loop continues in between")
    func summaries() async throws {
        /// The number of summaries made so far, and the number at the loop's first turn after the first summary.
        final class Progress: Sendable {
            let count = Atomic(0)
            let countAtNextTurn = Atomic(0)
        }
        final class CountedSink: ClientSink {
            let progress: Progress
            let loop: any EventLoop
            var isWritable: Bool { true }
            /// Read once per summary.
            var roundTripTime: TimeAmount? {
                if progress.count.add(1, ordering: .relaxed).newValue == 1 {
                    loop.execute { [progress] in
                        progress.countAtNextTurn.store(progress.count.load(ordering: .relaxed), ordering: .relaxed)
                    }
                }
                return nil
            }

            init(_ progress: Progress, on loop: any EventLoop) {
                self.progress = progress
                self.loop = loop
            }

            func write(_ frames: ByteBuffer) {}
            func flush() {}
            func close(code: CloseCode, reason: String) {}
            func chargeReplay(_ cost: Int) -> TimeAmount { .zero }
            func sweep(at now: NIODeadline) {}
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let hub = Hub(
            loops: [HubLoop(loop, turns: LoopTurns(loop))], encoder: HubFixture.Encoder(),
            metrics: HubMetrics(factory: NOOPMetricsHandler.instance))
        let progress = Progress()
        try await loop.submit {
            for number in 0..<1000 {
                _ = hub.shards[0].connect(id: "\(number)", user: "u", sink: CountedSink(progress, on: loop))
            }
        }.get()
        #expect(Set(await hub.clients().map(\.id)).count == 1000)
        #expect((1..<1000).contains(progress.countAtNextTurn.load(ordering: .relaxed)))
        hub.close()
        try await group.shutdownGracefully()
    }
}
