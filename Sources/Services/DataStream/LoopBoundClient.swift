import NIOCore
package import Realtime

/// Carries a client through code that may run anywhere, back to its own loop.
///
/// `@unchecked Sendable`: the client is touched only where `client` is read, which asserts that it happens on the
/// client's loop.
package struct LoopBoundClient: @unchecked Sendable {
    private let value: HubClient
    private let shard: HubShard

    /// Call it on the loop of `shard`, to which `client` belongs.
    package init(_ client: HubClient, on shard: HubShard) {
        shard.eventLoop.assertInEventLoop()
        self.value = client
        self.shard = shard
    }

    /// The client; read it on its loop only.
    package var client: HubClient {
        shard.eventLoop.assertInEventLoop()
        return value
    }
}
