import Core

/// A semaphore with a bounded wait queue that gives waiting users their turns round robin.
final class Turns: Sendable {
    private typealias Waiter = CheckedContinuation<Bool, Never>

    private struct State {
        var free: Int
        var waiting: FairQueue<Waiter>
    }

    private let state: Lock<State>

    /// - Parameters:
    ///   - free: Turns at the same time.
    ///   - maxWaiting: Work that may wait for a turn, without the work that is continued.
    init(free: Int, maxWaiting: Int) {
        state = Lock(State(free: free, waiting: FairQueue(capacity: maxWaiting)))
    }

    /// Those that wait now.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Returns when it is the caller's turn; ``giveBack()`` must follow.
    ///
    /// - Parameters:
    ///   - user: The user for whom the work is done.
    ///   - isContinued: Whether the work belongs to an answer that has begun: then it is never refused.
    /// - Throws: ``RequestError`` (`overloaded`) when the queue is full and no user has clearly more work in it, or when
    ///   the place later goes to a user who has less.
    func take(for user: String, isContinued: Bool = false) async throws(RequestError) {
        let hasTurn = await withCheckedContinuation { (waiter: Waiter) in
            let (answered, isFree): (Waiter?, Bool) = state.withLock { state in
                guard state.free > 0 else {
                    return (state.waiting.append(waiter, of: user, isPromised: isContinued), false)
                }
                state.free -= 1
                return (waiter, true)
            }
            answered?.resume(returning: isFree)
        }
        if !hasTurn { throw RequestError(.overloaded, "Too many requests wait to be read; try again later.") }
    }

    /// Lets the others in line go first, if there are any; returns when it is the user's turn again. For work of many
    /// steps: never refused.
    func passOn(for user: String) async {
        _ = await withCheckedContinuation { (waiter: Waiter) in
            let next = state.withLock { state in
                guard let next = state.waiting.popFirst() else { return waiter }
                _ = state.waiting.append(waiter, of: user, isPromised: true)
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
