package import Core
package import CoreMetrics
package import NIOCore

/// The delivery of published messages to the clients on all event loops. The hub encodes each message once and hands it
/// to every ``HubShard``, of which there is one per loop.
///
/// Thread-safe. Messages of one publisher reach every client in the order in which they were published.
package final class Hub: Sendable {
    /// The maximum number of clients that ``clients()`` summarises in one task of an event loop.
    private static let clientsPerTurn = 256

    /// The connected users and the rooms they are in.
    package let presence: PresenceRegistry
    /// The shards, one per event loop.
    package let shards: [HubShard]

    private let encoder: any MessageEncoder
    private let metrics: HubMetrics
    private let tracing: HubTracing?
    private let clock: any WallClock

    /// Creates a hub with one shard per loop.
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

    /// Returns the shard on a connection's event loop, or `nil` if the hub has none there.
    package func shard(on eventLoop: any EventLoop) -> HubShard? {
        shards.first { $0.eventLoop === eventLoop }
    }

    /// Publishes messages to the members of their rooms, in order.
    ///
    /// Never blocks. A publisher that is allowed to block should call ``waitForCapacity()`` first.
    package func publish(_ messages: [Message]) {
        metrics.published.increment(by: messages.count)
        // Nothing needs to be encoded while nobody is connected.
        guard presence.clientCount > 0 else { return traceWithoutClients(messages) }
        var byteCount = 0
        let queued = messages.map { message in
            let broadcast = startTrace(of: message, shardCount: shards.count)
            let frame: ByteBuffer
            if var shared = broadcast?.context, tracing?.namesTraces == true {
                // Clients that get the shared frame must not report spans; only sampled recipients do.
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

    /// Blocks the calling thread while a shard's mailbox is over its limit. Never call it on an event loop.
    ///
    /// This is the back-pressure that keeps the gateway from acknowledging messages to the broker faster than it can
    /// serve its clients.
    package func waitForCapacity() {
        for shard in shards { shard.waitForCapacity() }
    }

    /// True when a shard's mailbox is over its limit. A caller that cannot block should then reject new messages.
    package var isOverloaded: Bool { shards.contains(where: \.isOverloaded) }

    /// Runs `work` on the shard, after all messages published before this call and before all published after it.
    package func perform(on shard: HubShard, _ work: @escaping @Sendable (HubShard) -> Void) {
        shard.post(.work(work), byteCount: 0)
    }

    /// Closes all connections of a user.
    package func close(_ user: UserID, code: CloseCode, reason: String) {
        for shard in shards { shard.eventLoop.execute { shard.close(user, code: code, reason: reason) } }
    }

    /// Returns a summary of every connected client, in no particular order. Clients that disconnect meanwhile are
    /// omitted.
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

    private func startTrace(of message: Message, shardCount: Int) -> BroadcastTrace? {
        guard let tracing, let messageTrace = message.messageTrace else { return nil }
        return BroadcastTrace(message, messageTrace, shardCount: shardCount, tracing: tracing, at: clock.now())
    }

    private func traceWithoutClients(_ messages: [Message]) {
        for message in messages where message.messageTrace?.parent?.isSampled == true {
            startTrace(of: message, shardCount: 0)?.end(at: clock.now())
        }
    }

    /// Stops accepting messages and releases blocked publishers.
    package func close() {
        for shard in shards { shard.close() }
    }
}

/// An event loop that serves clients, with the ``TurnScheduler`` of its shard.
package struct HubLoop: Sendable {
    package let eventLoop: any EventLoop
    let turns: any TurnScheduler

    /// Creates an event loop with the scheduler of its shard.
    ///
    /// - Parameter turns: The scheduler of the shard's turns on `eventLoop`.
    package init(_ eventLoop: any EventLoop, turns: any TurnScheduler) {
        self.eventLoop = eventLoop
        self.turns = turns
    }
}

/// A scheduler of a shard's turns on its event loop. In a turn, the shard handles everything in its mailbox; between
/// two turns, the loop serves its sockets.
///
/// `EventLoop.execute` cannot be used for turns: NIO runs tasks added by other tasks before it polls its sockets again,
/// so a shard that always has work left would keep the loop from reading.
package protocol TurnScheduler: Sendable {
    /// Sets the callback that runs a turn. Called once, before the first request.
    func setTurn(_ turn: @escaping @Sendable () -> Void)

    /// Requests a turn, from any thread. The callback never runs inside this call. Requests made before the turn starts
    /// are merged into it.
    func request()
}

/// The hub's limits and intervals.
package struct HubConfiguration: Sendable {
    /// The limits of the outbound queue of one slow client.
    package var queue: OutboundQueue.Limits
    /// Bytes of frames that may wait in one shard's mailbox before publishers block or are rejected.
    package var maxMailboxBytes: Int
    /// First levels of room names that a wildcard at the beginning of a filter does not match, in addition to `$…`.
    package var protectedFirstLevels: [String]
    /// The interval at which each shard calls ``ClientSink/sweep(at:)`` for its clients.
    package var sweepInterval: TimeAmount
    /// The time for which a user stays a member of its rooms after its last client was disconnected.
    package var presenceGrace: TimeAmount

    package init(
        queue: OutboundQueue.Limits = .init(),
        maxMailboxBytes: Int = 8 << 20,
        protectedFirstLevels: [String] = [UserID.inboxRoot],
        sweepInterval: TimeAmount = .seconds(1),
        presenceGrace: TimeAmount = .seconds(5)
    ) {
        self.queue = queue
        self.maxMailboxBytes = maxMailboxBytes
        self.protectedFirstLevels = protectedFirstLevels
        self.sweepInterval = sweepInterval
        self.presenceGrace = presenceGrace
    }
}

/// The hub's counters. Shards count deliveries in batches, not one by one.
package struct HubMetrics: Sendable {
    /// Messages passed to the hub.
    package let published: Counter
    /// Frames handed to sockets or queues, counted once per recipient.
    package let delivered: Counter
    /// Bytes of the delivered frames.
    package let deliveredBytes: Counter
    /// Telemetry messages dropped for slow clients because a later message replaced them.
    package let conflated: Counter
    /// Clients closed because they could not keep up with messages that must not be dropped.
    package let slowClientsClosed: Counter
    /// Times that a full mailbox blocked a publisher.
    package let publisherWaits: Counter

    /// Creates the counters with `factory`.
    package init(factory: any MetricsFactory) {
        published = Counter(label: "windsock_hub_messages_published", dimensions: [], factory: factory)
        delivered = Counter(label: "websocket.messages.sent", dimensions: [], factory: factory)
        deliveredBytes = Counter(label: "windsock_hub_bytes_delivered", dimensions: [], factory: factory)
        conflated = Counter(label: "windsock_hub_messages_conflated", dimensions: [], factory: factory)
        slowClientsClosed = Counter(label: "windsock_hub_slow_clients_closed", dimensions: [], factory: factory)
        publisherWaits = Counter(label: "windsock_hub_publisher_waits", dimensions: [], factory: factory)
    }
}
