package import CoreMetrics

/// The hub's counters; shards add to them once per tick, not once per delivery.
package struct HubMetrics: Sendable {
    /// Messages handed to the hub.
    package let published: Counter
    /// Frames handed to sockets or queues, one per recipient.
    package let delivered: Counter
    /// Bytes of these frames.
    package let deliveredBytes: Counter
    /// Telemetry messages that slow clients did not get because a later one replaced them.
    package let conflated: Counter
    /// Clients closed because they could not keep up with what may not be left out.
    package let slowClientsClosed: Counter
    /// Times that the MQTT thread had to wait for a shard.
    package let publisherWaits: Counter

    /// Counters made by `factory`.
    package init(factory: any MetricsFactory) {
        published = Counter(label: "windsock_hub_messages_published", dimensions: [], factory: factory)
        delivered = Counter(label: "websocket.messages.sent", dimensions: [], factory: factory)
        deliveredBytes = Counter(label: "windsock_hub_bytes_delivered", dimensions: [], factory: factory)
        conflated = Counter(label: "windsock_hub_messages_conflated", dimensions: [], factory: factory)
        slowClientsClosed = Counter(label: "windsock_hub_slow_clients_closed", dimensions: [], factory: factory)
        publisherWaits = Counter(label: "windsock_hub_publisher_waits", dimensions: [], factory: factory)
    }
}
