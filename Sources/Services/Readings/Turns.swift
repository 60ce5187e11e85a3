import DequeModule
import Synchronization

/// So many may work at once; others wait for their turn in the order in which they came, up to a limit.
final class Turns: Sendable {
    private struct State {
        var free: Int
        var waiting = Deque<CheckedContinuation<Bool, Never>>()
    }

    private let state: Mutex<State>
    private let maxWaiting: Int

    init(free: Int, maxWaiting: Int) {
        state = Mutex(State(free: free))
        self.maxWaiting = maxWaiting
    }

    /// Those that wait now.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Returns when it is the caller's turn; ``giveBack()`` must follow.
    ///
    /// - Parameter isContinued: Whether it is work that had turns before, and is not refused now.
    /// - Throws: ``RequestError`` (`overloaded`) at once when too many wait already.
    func take(isContinued: Bool = false) async throws(RequestError) {
        let hasTurn = await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                guard isContinued || state.waiting.count < maxWaiting else { return false }
                state.waiting.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        if !hasTurn { throw RequestError(.overloaded, "Too many requests wait to be read; try again later.") }
    }

    /// Lets the others in line go first, if there are any; returns when it is the caller's turn again. For work of many
    /// steps: never refused, because one place in the line has become free.
    func passOn() async {
        _ = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            let next = state.withLock { state in
                guard let next = state.waiting.popFirst() else { return continuation }
                state.waiting.append(continuation)
                return next
            }
            next.resume(returning: true)
        }
    }

    /// Ends the turn: the next one in line has it.
    func giveBack() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.free += 1 }
            return next
        }
        next?.resume(returning: true)
    }
}
