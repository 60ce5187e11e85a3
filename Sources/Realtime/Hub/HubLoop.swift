package import NIOCore

/// An event loop with clients on it, and how its shard gets to work there.
package struct HubLoop: Sendable {
    package let eventLoop: any EventLoop
    let turns: any ShardTurns

    /// - Parameter turns: calls back on `eventLoop`.
    package init(_ eventLoop: any EventLoop, turns: any ShardTurns) {
        self.eventLoop = eventLoop
        self.turns = turns
    }
}

/// Gives a shard turns on its event loop, with the loop's sockets served in between.
///
/// `EventLoop.execute` does not: NIO runs tasks that tasks have added before it looks at a socket again, so a shard that
/// always has something left to do would keep the loop from reading for as long.
package protocol ShardTurns: Sendable {
    /// Sets the callback of a turn; called once, before any request.
    func begin(_ turn: @escaping @Sendable () -> Void)

    /// Asks for a turn, from any thread. It never comes from within this call; requests that are made before it comes
    /// share it.
    func request()
}
