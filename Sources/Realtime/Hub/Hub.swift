import CoreMetrics
package import NIOCore
package import Telemetry

/// Fans messages out to the clients of all event loops: encodes each once, and hands it to one shard per loop.
///
/// Thread-safe. Messages of one publisher reach every client in the order they were published.
package final class Hub: Sendable {
    /// Who is connected and who is where.
    package let presence: PresenceRegistry
    /// One per event loop.
    package let shards: [HubShard]

    private let encoder: any MessageEncoder
    private let metrics: HubMetrics

    /// A hub whose clients live on `eventLoops`.
    package init(
        eventLoops: [any EventLoop],
        encoder: any MessageEncoder,
        configuration: HubConfiguration = .init(),
        metrics: HubMetrics,
        clock: any WallClock = SystemWallClock()
    ) {
        self.encoder = encoder
        self.metrics = metrics
        let presence = PresenceRegistry(grace: configuration.presenceGrace)
        self.presence = presence
        self.shards = eventLoops.map {
            HubShard(
                eventLoop: $0,
                mailbox: Mailbox(maxByteCount: configuration.maxMailboxBytes),
                configuration: configuration,
                encoder: encoder,
                presence: presence,
                metrics: metrics,
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
        guard presence.clientCount > 0 else { return }
        var byteCount = 0
        let queued = messages.map { message in
            let frame = encoder.encode(message)
            byteCount += frame.readableBytes
            return QueuedMessage(
                room: message.room, frame: frame, delivery: message.delivery, offset: message.offset ?? 0)
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

    /// What is known of every connected client, in no order.
    package func clients() async -> [ClientSummary] {
        var all: [ClientSummary] = []
        for shard in shards {
            all += await withCheckedContinuation { continuation in
                shard.eventLoop.execute { continuation.resume(returning: shard.summaries()) }
            }
        }
        return all
    }

    /// Takes no more messages and releases publishers that wait.
    package func close() {
        for shard in shards { shard.close() }
    }
}
