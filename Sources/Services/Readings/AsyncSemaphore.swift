import Core
import DequeModule

/// A semaphore with a bounded wait queue that serves waiting users round robin.
final class AsyncSemaphore: Sendable {
    private typealias Waiter = CheckedContinuation<Bool, Never>

    private struct State {
        var permits: Int
        var waiting: FairQueue<Waiter>
    }

    private let state: Lock<State>

    /// - Parameters:
    ///   - permits: The number of permits.
    ///   - maxWaiting: The most waiting callers, not counting calls with `isContinued` and of ``yield(for:)``.
    init(permits: Int, maxWaiting: Int) {
        state = Lock(State(permits: permits, waiting: FairQueue(capacity: maxWaiting)))
    }

    /// The number of waiting callers.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Waits for a permit. A call of ``signal()`` must follow.
    ///
    /// - Parameters:
    ///   - user: The user for whom the work is done.
    ///   - isContinued: True if a part of the user's response was already sent; the call is then never refused.
    /// - Throws: ``RequestError`` (`overloaded`) when the queue is full and no other user has at least two more calls
    ///   in it, or when this call is later removed from the full queue in favour of a user with fewer calls.
    func wait(for user: UserID, isContinued: Bool = false) async throws(RequestError) {
        let hasPermit = await withCheckedContinuation { (waiter: Waiter) in
            let (answered, isFree): (Waiter?, Bool) = state.withLock { state in
                guard state.permits > 0 else {
                    return (state.waiting.append(waiter, of: user, isPromised: isContinued), false)
                }
                state.permits -= 1
                return (waiter, true)
            }
            answered?.resume(returning: isFree)
        }
        if !hasPermit { throw RequestError(.overloaded, "Too many read requests are queued; retry later.") }
    }

    /// Yields the permit to the next waiter, if there is one, and waits for a permit again. Call it between the steps
    /// of long work. The call is never refused.
    func yield(for user: UserID) async {
        _ = await withCheckedContinuation { (waiter: Waiter) in
            let next = state.withLock { state in
                guard let next = state.waiting.popFirst() else { return waiter }
                _ = state.waiting.append(waiter, of: user, isPromised: true)
                return next
            }
            next.resume(returning: true)
        }
    }

    /// Returns the permit, which goes to the next waiter.
    func signal() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.permits += 1 }
            return next
        }
        next?.resume(returning: true)
    }
}

/// A wait queue that serves users round robin: one element of each waiting user, then the next one of each.
///
/// The number of refusable elements is bounded. When the queue is full, a new element of a user with few elements
/// replaces the latest one of the user with the most. Promised elements are never refused and do not count towards the
/// bound. Elements of one user keep their order. Every operation takes constant time.
struct FairQueue<Element> {
    private typealias Entry = (number: UInt64, element: Element)

    /// One user's elements.
    private struct UserQueue {
        var refusable = Deque<Entry>()
        var promised = Deque<Entry>()

        var isEmpty: Bool { refusable.isEmpty && promised.isEmpty }

        /// True when the next element is a promised one.
        var promisedIsNext: Bool {
            guard let next = promised.first else { return false }
            return refusable.first.map { next.number < $0.number } ?? true
        }
    }

    private let capacity: Int
    private var queues: [UserID: UserQueue] = [:]
    /// Users with elements, each once, in the order in which they are served.
    private var rotation = Deque<UserID>()
    /// Users, indexed by their number of refusable elements. The last set is never empty, unless it is the only one.
    private var usersByCount: [Set<UserID>] = [[]]
    private var refusableCount = 0
    private var nextNumber: UInt64 = 0
    private(set) var count = 0

    /// - Parameter capacity: The most elements that are not promised.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Adds an element of a user. Returns the element that was refused, if any: this one, or another user's.
    mutating func append(_ element: Element, of user: UserID, isPromised: Bool = false) -> Element? {
        var refused: Element?
        if !isPromised, refusableCount >= capacity {
            let most = usersByCount.count - 1
            // Replace only if the other user keeps at least as many as this one then has.
            guard most > refusableCount(of: user) + 1, let other = usersByCount[most].first,
                let last = queues[other]?.refusable.popLast()
            else { return element }
            countRefusable(of: other, from: most, to: most - 1)
            count -= 1
            refused = last.element
        }
        var queue = queues.removeValue(forKey: user) ?? UserQueue()
        if queue.isEmpty { rotation.append(user) }
        if isPromised {
            queue.promised.append((nextNumber, element))
        } else {
            countRefusable(of: user, from: queue.refusable.count, to: queue.refusable.count + 1)
            queue.refusable.append((nextNumber, element))
        }
        queues[user] = queue
        nextNumber += 1
        count += 1
        return refused
    }

    /// Removes and returns the next element.
    mutating func popFirst() -> Element? {
        guard let user = rotation.popFirst(), var queue = queues.removeValue(forKey: user) else { return nil }
        let next: Entry?
        if queue.promisedIsNext {
            next = queue.promised.popFirst()
        } else {
            countRefusable(of: user, from: queue.refusable.count, to: queue.refusable.count - 1)
            next = queue.refusable.popFirst()
        }
        if !queue.isEmpty {
            queues[user] = queue
            rotation.append(user)
        }
        count -= 1
        return next?.element
    }

    private func refusableCount(of user: UserID) -> Int { queues[user]?.refusable.count ?? 0 }

    private mutating func countRefusable(of user: UserID, from old: Int, to new: Int) {
        refusableCount += new - old
        if old > 0 { usersByCount[old].remove(user) }
        if new == usersByCount.count { usersByCount.append([]) }
        if new > 0 { usersByCount[new].insert(user) }
        if usersByCount.count > 1, usersByCount.last?.isEmpty == true { usersByCount.removeLast() }
    }
}
