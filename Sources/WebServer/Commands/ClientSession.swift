package import Realtime

/// One connection's standing: who it is, and what it may do until when.
///
/// Not `Sendable`: it belongs to the connection's event loop.
package final class ClientSession {
    package let client: HubClient
    package let shard: HubShard
    /// Renewed by `refresh_token`.
    package internal(set) var identity: Identity

    package init(client: HubClient, shard: HubShard, identity: Identity) {
        self.client = client
        self.shard = shard
        self.identity = identity
    }
}
