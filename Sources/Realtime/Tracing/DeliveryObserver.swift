package import Telemetry

/// Is told how messages with a ``Journey`` came through the hub.
package protocol DeliveryObserver: Sendable {
    /// A shard has handed messages to the sockets on its loop. Called there, once a tick at most: quick, never blocks.
    func delivered(_ deliveries: [FollowedDelivery], at time: Timestamp)
    /// A shard is about to send a frame of its own to a client of that user, under the span `websocket.send`. Called on
    /// its loop.
    func sending(_ span: TraceContext, to user: String)
}

extension DeliveryObserver {
    package func sending(_ span: TraceContext, to user: String) {}
}

/// One message as one shard delivered it.
package struct FollowedDelivery: Sendable {
    private let broadcast: Broadcast
    package var journey: Journey { broadcast.journey }
    package var room: String { broadcast.room }
    /// Clients of this shard that it was for; never 0.
    package let recipientCount: Int
    /// Whether the hub made spans of it.
    package var isTraced: Bool { broadcast.context != nil }

    init(_ broadcast: Broadcast, recipientCount: Int) {
        self.broadcast = broadcast
        self.recipientCount = recipientCount
    }

    /// True once a message, although each shard tells of it: for what is to be done once.
    package func claim() -> Bool { broadcast.claim() }
}
