package import Core
package import NIOCore
package import Telemetry

/// One connection, as seen by its shard: identity, joined rooms, and outbound state.
///
/// Belongs to its shard's event loop and is used only there. It is kept small because there may be a hundred thousand
/// clients.
package final class HubClient {
    /// The connection's name in logs, in `welcome` and in `/api/clients`.
    package let id: String
    /// The token's `sub` claim.
    package let user: UserID
    /// The peer's address, as reported by the socket.
    package let address: String?
    package let connectedAt: Timestamp
    /// The rooms and filters the client has joined, in order.
    package internal(set) var joined: [TopicFilter] = []

    /// The socket; `nil` once the client has disconnected.
    var sink: (any ClientSink)?
    /// Messages that wait for the socket. Created when the socket stops taking bytes, removed once everything is sent.
    var queue: OutboundQueue?
    /// The state of joins in progress and of rate limits. `nil` for a client without either, which is the usual case.
    var control: ClientFlowControl?
    /// Telemetry messages dropped because the client read too slowly.
    var droppedCount = 0
    /// The client's position in the ``DeliveryTrie`` that its shard is filling.
    var position = DeliveryTrie.root

    init(id: String, user: UserID, address: String?, connectedAt: Timestamp, sink: any ClientSink) {
        self.id = id
        self.user = user
        self.address = address
        self.connectedAt = connectedAt
        self.sink = sink
    }

    /// Bytes that wait because the socket takes no more.
    package var queuedByteCount: Int { queue?.byteCount ?? 0 }
}

/// A snapshot of one connection for operators.
package struct ClientSummary: Sendable {
    package let id: String
    package let user: UserID
    package let address: String?
    package let connectedAt: Timestamp
    package let joined: [TopicFilter]
    /// Bytes that wait because the socket takes no more.
    package let queuedByteCount: Int
    package let queuedCount: Int
    /// Telemetry messages dropped because the client read too slowly.
    package let droppedCount: Int
    package let roundTripTime: TimeAmount?

    init(_ client: HubClient) {
        id = client.id
        user = client.user
        address = client.address
        connectedAt = client.connectedAt
        joined = client.joined
        queuedByteCount = client.queue?.byteCount ?? 0
        queuedCount = client.queue?.count ?? 0
        droppedCount = client.droppedCount
        roundTripTime = client.sink?.roundTripTime
    }
}
