import NIOCore
package import Realtime

/// A client reference that can travel through code on any thread and is used only on the client's own event loop.
///
/// `@unchecked Sendable`: the client is accessed only through `client`, which asserts that the caller is on the
/// client's event loop.
package struct LoopBoundClient: @unchecked Sendable {
    private let value: HubClient
    private let shard: HubShard

    /// Call it on the event loop of `shard`, the shard that `client` belongs to.
    package init(_ client: HubClient, on shard: HubShard) {
        shard.eventLoop.assertInEventLoop()
        self.value = client
        self.shard = shard
    }

    /// The client. Read it on its event loop only.
    package var client: HubClient {
        shard.eventLoop.assertInEventLoop()
        return value
    }
}
