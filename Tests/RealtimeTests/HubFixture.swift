import Core
import CoreMetrics
import NIOCore
import NIOEmbedded
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Realtime

/// A hub with one shard on an embedded loop, and recording sockets.
struct HubFixture {
    /// A recording socket that can be made to block.
    final class Sink: ClientSink {
        var written: [String] = []
        var flushes = 0
        var roundTripTime: TimeAmount? { nil }
        var isWritable = true
        var closed: CloseCode?
        /// The cost of each charged replay page, and the pause that follows it.
        var replayed: [Int] = []
        var replayRest = TimeAmount.zero
        /// Callbacks that run before `write`, `flush` and `close` return, as NIO does when a write fails.
        var onWrite: (() -> Void)?
        var onFlush: (() -> Void)?
        var onClose: (() -> Void)?
        /// The number of bytes after which the socket is no longer writable.
        var capacity = Int.max
        /// Whether bytes are counted only when flushed, as with TLS, which encrypts at that point.
        var countsAtFlush = false
        /// The largest number of bytes written before a flush.
        private(set) var mostUnflushed = 0
        private var held = 0
        private var unflushed = 0

        func write(_ frames: ByteBuffer) {
            written.append(String(buffer: frames))
            held += frames.readableBytes
            unflushed += frames.readableBytes
            mostUnflushed = max(mostUnflushed, unflushed)
            if held >= capacity, !countsAtFlush { isWritable = false }
            onWrite?()
        }

        func flush() {
            flushes += 1
            unflushed = 0
            if held >= capacity { isWritable = false }
            onFlush?()
        }

        func close(code: CloseCode, reason: String) {
            closed = code
            onClose?()
        }

        func chargeReplay(_ cost: Int) -> TimeAmount {
            replayed.append(cost)
            return replayRest
        }

        func sweep(at now: NIODeadline) {}
        /// Makes the whole capacity available again.
        func drain() {
            held = 0
            isWritable = true
        }

        var text: String { written.joined() }
    }

    struct Encoder: MessageEncoder {
        let count = Counter()

        final class Counter: Sendable {
            let value = Atomic(0)
        }

        func encode(_ message: Message) -> ByteBuffer {
            count.value.add(1, ordering: .relaxed)
            if message.type == .gap { return ByteBuffer(string: "<gap>") }
            var text = ByteBuffer(bytes: message.payload)
            if let trace = message.trace { text.writeString("<\(trace.traceparent)>") }
            return text
        }
    }

    /// Turns run by the test after the loop's tasks, like turns woken by a socket.
    final class ManualTurns: TurnScheduler, @unchecked Sendable {
        private var turn: @Sendable () -> Void = {}

        func setTurn(_ turn: @escaping @Sendable () -> Void) { self.turn = turn }
        func request() {}
        func take() { turn() }
    }

    let loop = EmbeddedEventLoop()
    let encoder = Encoder()
    let hub: Hub
    let shard: HubShard

    init(
        queueBytes: Int = 1 << 20, presenceGrace: TimeAmount = .seconds(10), tracing: HubTracing? = nil,
        turns: (any TurnScheduler)? = nil
    ) throws {
        hub = Hub(
            loops: [HubLoop(loop, turns: turns ?? LoopTurns(loop))], encoder: encoder,
            configuration: HubConfiguration(queue: .init(maxBytes: queueBytes), presenceGrace: presenceGrace),
            metrics: HubMetrics(factory: NOOPMetricsHandler.instance), tracing: tracing)
        shard = try #require(hub.shards.first)
    }

    func join(_ rooms: String..., user: UserID = "u", sink: Sink) throws -> HubClient {
        let client = shard.connect(id: "c", user: user, sink: sink)
        for room in rooms { shard.join(client, try TopicFilter(room)) }
        return client
    }

    /// Joins a client whose room history is still being loaded.
    func joinHolding(_ room: String, sink: Sink) throws -> HubClient {
        let client = try join(sink: sink)
        shard.joinHolding(client, try TopicFilter(room))
        return client
    }

    func publish(_ messages: (room: String, text: String)...) {
        hub.publish(
            messages.map {
                Message(
                    type: .dataUpdate, room: $0.room, payload: Array($0.text.utf8),
                    timestamp: Timestamp(nanosecondsSinceEpoch: 0),
                    delivery: .conflatable(key: ConflationKey(rawValue: UInt64($0.room.hashValue.magnitude))))
            })
    }

    /// Publishes chat messages, which have offsets and must not be dropped.
    func say(_ messages: (room: String, text: String, offset: Int64)...) {
        hub.publish(messages.map { Self.chat($0.room, $0.text, $0.offset) })
    }

    static func chat(_ room: String, _ text: String, _ offset: Int64?) -> Message {
        Message(
            type: .chatMessage, room: room, payload: Array(text.utf8), timestamp: Timestamp(nanosecondsSinceEpoch: 0),
            offset: offset)
    }
}
