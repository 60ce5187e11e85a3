package import NIOCore
package import Telemetry

/// What operators are told about one connection.
package struct ClientSummary: Sendable {
    package let id: String
    package let user: String
    package let address: String?
    package let connectedAt: Timestamp
    package let joined: [TopicFilter]
    /// What waits because the socket takes no more.
    package let queuedByteCount: Int
    package let queuedCount: Int
    /// Telemetry messages that were left out because the client read too slowly.
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
