package import NIOCore
import Realtime

/// Runs a shard's turns as tasks of a loop without sockets, such as an `EmbeddedEventLoop`.
///
/// `@unchecked Sendable`: ``setTurn(_:)`` is called before any request.
package final class LoopTurns: TurnScheduler, @unchecked Sendable {
    private let loop: any EventLoop
    private var turn: @Sendable () -> Void = {}

    package init(_ loop: any EventLoop) {
        self.loop = loop
    }

    package func setTurn(_ turn: @escaping @Sendable () -> Void) {
        self.turn = turn
    }

    package func request() {
        loop.execute(turn)
    }
}
