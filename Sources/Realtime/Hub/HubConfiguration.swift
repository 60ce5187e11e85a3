package import NIOCore

/// The hub's bounds.
package struct HubConfiguration: Sendable {
    /// What may wait for one client that reads slowly.
    package var queue: OutboundQueue.Limits
    /// Bytes of frames that may wait for one shard before publishers wait or are refused.
    package var maxMailboxBytes: Int
    /// First levels of rooms that no leading wildcard reaches, beside `$…`.
    package var protectedFirstLevels: [String]
    /// How often each shard looks after heartbeats and deadlines.
    package var sweepInterval: TimeAmount
    /// How long a user whose last client was cut off stays a member of its rooms.
    package var presenceGrace: TimeAmount

    package init(
        queue: OutboundQueue.Limits = .init(),
        maxMailboxBytes: Int = 8 << 20,
        protectedFirstLevels: [String] = ["users"],
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
