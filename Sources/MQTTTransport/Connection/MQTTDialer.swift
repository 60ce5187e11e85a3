import Core
import DequeModule
import Foundation

/// Makes a loop's connections on threads of its own, because looking up a name and connecting TCP block.
///
/// A thread ends when nobody waits. At most ``maxThreads`` connect at once; an address that swallows packets may hold
/// one for the two minutes that the system tries.
final class MQTTDialer: Sendable {
    static let maxThreads = 8

    private struct State {
        var waiting = Deque<@Sendable () -> Void>()
        var threadCount = 0
    }

    private let state = Lock(State())

    /// Does `work` on a thread that may block. What waits is bounded by the clients, each of which waits for one.
    func dial(_ work: @escaping @Sendable () -> Void) {
        let needsThread = state.withLock { state in
            state.waiting.append(work)
            guard state.threadCount < Self.maxThreads else { return false }
            state.threadCount += 1
            return true
        }
        guard needsThread else { return }
        let thread = Thread { [self] in
            while let work = next() { work() }
        }
        thread.name = "mqtt-connect"
        thread.start()
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard let work = state.waiting.popFirst() else {
                state.threadCount -= 1
                return nil
            }
            return work
        }
    }
}
