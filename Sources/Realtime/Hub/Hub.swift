import CoreMetrics
package import NIOCore
package import Telemetry

/// Fans messages out to the clients of all event loops: encodes each once, and hands it to one shard per loop.
///
/// Thread-safe. Messages of one publisher reach every client in the order they were published.
package final class Hub: Sendable {
    /// Clients summarised in one turn of their loop.
    private static let clientsPerTurn = 256

    /// Who is connected and who is where.
    package let presence: PresenceRegistry
    /// One per event loop.
    package let shards: [HubShard]

    private let encoder: any MessageEncoder
    private let metrics: HubMetrics
    private let tracing: HubTracing?
    private let clock: any WallClock

    /// A hub whose clients live on `loops`.
    package init(
        loops: [HubLoop],
        encoder: any MessageEncoder,
        configuration: HubConfiguration = .init(),
        metrics: HubMetrics,
        tracing: HubTracing? = nil,
        clock: any WallClock = SystemWallClock()
    ) {
        self.tracing = tracing
        self.clock = clock
        self.encoder = encoder
        self.metrics = metrics
        let presence = PresenceRegistry(
            grace: configuration.presenceGrace, protecting: configuration.protectedFirstLevels)
        self.presence = presence
        self.shards = loops.map {
            HubShard(
                loop: $0,
                mailbox: Mailbox(maxByteCount: configuration.maxMailboxBytes),
                configuration: configuration,
                encoder: encoder,
                presence: presence,
                metrics: metrics,
                tracing: tracing,
                clock: clock)
        }
    }

    /// The shard of a connection's loop, or `nil` for a loop that the hub was not made with.
    package func shard(on eventLoop: any EventLoop) -> HubShard? {
        shards.first { $0.eventLoop === eventLoop }
    }

    /// Sends messages to everybody in their rooms, in order.
    ///
    /// Does not wait: a publisher that may block calls ``waitForRoom()`` before it.
    package func publish(_ messages: [Message]) {
        metrics.published.increment(by: messages.count)
        // With nobody connected there is nothing to encode for.
        guard presence.clientCount > 0 else { return followNowhere(messages) }
        var byteCount = 0
        let queued = messages.map { message in
            let broadcast = follow(message, shardCount: shards.count)
            let frame: ByteBuffer
            if var shared = broadcast?.context, tracing?.namesTraces == true {
                // Whoever gets the shared frame is not to report spans: only chosen recipients are.
                shared.isSampled = false
                var named = message
                named.trace = shared
                frame = encoder.encode(named)
            } else {
                frame = encoder.encode(message)
            }
            byteCount += frame.readableBytes
            var queued = QueuedMessage(
                room: message.room, frame: frame, delivery: message.delivery, offset: message.offset ?? 0)
            queued.broadcast = broadcast
            return queued
        }
        for shard in shards { shard.post(.messages(queued), byteCount: byteCount) }
    }

    /// Blocks the calling thread while a shard has more waiting than the limit: the back-pressure that keeps the
    /// broker from being acknowledged faster than clients are served. Never call it on an event loop.
    package func waitForRoom() {
        for shard in shards { shard.waitForRoom() }
    }

    /// Whether a shard has more waiting than the limit: whoever may not wait should refuse what is new.
    package var isOverloaded: Bool { shards.contains(where: \.isOverloaded) }

    /// Does `work` on the shard after all messages published before this call and before all published after it.
    package func perform(on shard: HubShard, _ work: @escaping @Sendable (HubShard) -> Void) {
        shard.post(.work(work), byteCount: 0)
    }

    /// Summarises every connected client, in no order. Those that go meanwhile are left out.
    package func clients() async -> [ClientSummary] {
        var all: [ClientSummary] = []
        for shard in shards {
            let (clients, count) = await Self.ask(shard) { $0.currentClients() }
            for start in stride(from: 0, to: count, by: Self.clientsPerTurn) {
                all += await Self.ask(shard) { _ in
                    clients.value[start..<min(start + Self.clientsPerTurn, count)].filter { $0.sink != nil }
                        .map(ClientSummary.init)
                }
            }
        }
        return all
    }

    private static func ask<Answer: Sendable>(
        _ shard: HubShard, _ question: @escaping @Sendable (HubShard) -> Answer
    ) async -> Answer {
        await withCheckedContinuation { continuation in
            shard.eventLoop.execute { continuation.resume(returning: question(shard)) }
        }
    }

    private func follow(_ message: Message, shardCount: Int) -> Broadcast? {
        guard let tracing, let journey = message.journey else { return nil }
        return Broadcast(message, journey, shardCount: shardCount, tracing: tracing, at: clock.now())
    }

    private func followNowhere(_ messages: [Message]) {
        for message in messages where message.journey?.parent?.isSampled == true {
            follow(message, shardCount: 0)?.end(at: clock.now())
        }
    }

    /// Takes no more messages and releases publishers that wait.
    package func close() {
        for shard in shards { shard.close() }
    }
}

/// An event loop with clients on it, and how its shard gets to work there.
package struct HubLoop: Sendable {
    package let eventLoop: any EventLoop
    let turns: any ShardTurns

    /// - Parameter turns: calls back on `eventLoop`.
    package init(_ eventLoop: any EventLoop, turns: any ShardTurns) {
        self.eventLoop = eventLoop
        self.turns = turns
    }
}

/// Gives a shard turns on its event loop, with the loop's sockets served in between.
///
/// `EventLoop.execute` does not: NIO runs tasks that tasks have added before it looks at a socket again, so a shard that
/// always has something left to do would keep the loop from reading for as long.
package protocol ShardTurns: Sendable {
    /// Sets the callback of a turn; called once, before any request.
    func begin(_ turn: @escaping @Sendable () -> Void)

    /// Asks for a turn, from any thread. It never comes from within this call; requests that are made before it comes
    /// share it.
    func request()
}
