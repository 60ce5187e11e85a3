import Core
import DequeModule

/// A semaphore with a bounded wait queue that serves waiting users round robin.
final class AsyncSemaphore: Sendable {
    private typealias Waiter = CheckedContinuation<Bool, Never>

    private struct State {
        var free: Int
        var waiting: FairQueue<Waiter>
    }

    private let state: Lock<State>

    /// - Parameters:
    ///   - free: The number of permits.
    ///   - maxWaiting: The most waiting callers, not counting calls with `isContinued` and of ``passOn(for:)``.
    init(free: Int, maxWaiting: Int) {
        state = Lock(State(free: free, waiting: FairQueue(capacity: maxWaiting)))
    }

    /// The number of waiting callers.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Waits for a permit. A call of ``giveBack()`` must follow.
    ///
    /// - Parameters:
    ///   - user: The user for whom the work is done.
    ///   - isContinued: True if a part of the user's response was already sent; the call is then never refused.
    /// - Throws: ``RequestError`` (`overloaded`) when the queue is full and no other user has at least two more calls
    ///   in it, or when this call is later removed from the full queue in favour of a user with fewer calls.
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
        if !hasTurn { throw RequestError(.overloaded, "Too many read requests are queued; retry later.") }
    }

    /// Yields the permit to the next waiter, if there is one, and waits for a permit again. Call it between the steps
    /// of long work. The call is never refused.
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

    /// Returns the permit, which goes to the next waiter.
    func giveBack() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.free += 1 }
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
    private typealias Place = (number: UInt64, element: Element)

    /// One user's elements.
    private struct Line {
        var refusable = Deque<Place>()
        var promised = Deque<Place>()

        var isEmpty: Bool { refusable.isEmpty && promised.isEmpty }

        /// True when the next element is a promised one.
        var promisedIsNext: Bool {
            guard let next = promised.first else { return false }
            return refusable.first.map { next.number < $0.number } ?? true
        }
    }

    private let capacity: Int
    private var lines: [String: Line] = [:]
    /// Users with elements, each once, in the order in which they are served.
    private var rotation = Deque<String>()
    /// Users by their number of refusable elements. The last set is never empty, unless it is the only one.
    private var usersByCount: [Set<String>] = [[]]
    private var refusableCount = 0
    private var nextNumber: UInt64 = 0
    private(set) var count = 0

    /// - Parameter capacity: The most elements that are not promised.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Adds an element of a user. Returns the element that was refused, if any: this one, or another user's.
    mutating func append(_ element: Element, of user: String, isPromised: Bool = false) -> Element? {
        var refused: Element?
        if !isPromised, refusableCount >= capacity {
            let most = usersByCount.count - 1
            // Replace only if the other user keeps at least as many as this one then has.
            guard most > refusableCount(of: user) + 1, let other = usersByCount[most].first,
                let last = lines[other]?.refusable.popLast()
            else { return element }
            countRefusable(of: other, from: most, to: most - 1)
            count -= 1
            refused = last.element
        }
        var line = lines.removeValue(forKey: user) ?? Line()
        if line.isEmpty { rotation.append(user) }
        if isPromised {
            line.promised.append((nextNumber, element))
        } else {
            countRefusable(of: user, from: line.refusable.count, to: line.refusable.count + 1)
            line.refusable.append((nextNumber, element))
        }
        lines[user] = line
        nextNumber += 1
        count += 1
        return refused
    }

    /// Removes and returns the next element.
    mutating func popFirst() -> Element? {
        guard let user = rotation.popFirst(), var line = lines.removeValue(forKey: user) else { return nil }
        let next: Place?
        if line.promisedIsNext {
            next = line.promised.popFirst()
        } else {
            countRefusable(of: user, from: line.refusable.count, to: line.refusable.count - 1)
            next = line.refusable.popFirst()
        }
        if !line.isEmpty {
            lines[user] = line
            rotation.append(user)
        }
        count -= 1
        return next?.element
    }

    private func refusableCount(of user: String) -> Int { lines[user]?.refusable.count ?? 0 }

    private mutating func countRefusable(of user: String, from old: Int, to new: Int) {
        refusableCount += new - old
        if old > 0 { usersByCount[old].remove(user) }
        if new == usersByCount.count { usersByCount.append([]) }
        if new > 0 { usersByCount[new].insert(user) }
        if usersByCount.count > 1, usersByCount.last?.isEmpty == true { usersByCount.removeLast() }
    }
}
