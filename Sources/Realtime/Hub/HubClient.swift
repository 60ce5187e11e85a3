package import Telemetry

/// One connection as its shard sees it: who it is, what it joined, and what waits for it.
///
/// Belongs to the event loop of its shard and is touched only there. Kept small: there may be a hundred thousand.
package final class HubClient {
    /// Names this connection in logs, `welcome` and `/api/clients`.
    package let id: String
    /// The token's `sub`.
    package let user: String
    /// Where it comes from, as the socket tells it.
    package let address: String?
    package let connectedAt: Timestamp
    /// What it joined, in order: names and filters.
    package internal(set) var joined: [TopicFilter] = []

    /// The socket; `nil` once the client is gone.
    var sink: (any ClientSink)?
    /// Made when the socket stops taking bytes, given up when all has been sent.
    var queue: OutboundQueue?
    /// Made while a join is under way or a rate is limited; `nil` for most clients most of the time.
    var control: DeliveryControl?
    /// Telemetry messages that it did not get because it read too slowly.
    var droppedCount = 0
    /// Where the client stands in the current tick.
    var position = DeliveryPlan.root

    init(id: String, user: String, address: String?, connectedAt: Timestamp, sink: any ClientSink) {
        self.id = id
        self.user = user
        self.address = address
        self.connectedAt = connectedAt
        self.sink = sink
    }

    /// Bytes that wait because the socket takes no more.
    package var queuedByteCount: Int { queue?.byteCount ?? 0 }
}
