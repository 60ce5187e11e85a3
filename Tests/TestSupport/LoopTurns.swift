package import NIOCore
import Realtime

/// Gives a shard its turns as tasks of a loop without sockets, like an `EmbeddedEventLoop`.
///
/// `@unchecked Sendable`: ``begin(_:)`` comes before all requests.
package final class LoopTurns: TurnScheduler, @unchecked Sendable {
    private let loop: any EventLoop
    private var turn: @Sendable () -> Void = {}

    package init(_ loop: any EventLoop) {
        self.loop = loop
    }

    package func begin(_ turn: @escaping @Sendable () -> Void) {
        self.turn = turn
    }

    package func request() {
        loop.execute(turn)
    }
}
