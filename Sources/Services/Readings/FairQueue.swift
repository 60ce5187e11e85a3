import DequeModule

/// A wait queue that serves users round robin: one element of each waiting user, then the next one of each.
///
/// It has a bounded number of places. When they are taken, the user with the most elements loses its latest one to a
/// user who has fewer. Elements that were promised a turn take no place and are never refused. A user's own elements
/// keep their order. Every operation takes constant time.
struct FairQueue<Element> {
    private typealias Place = (number: UInt64, element: Element)

    /// One user's elements.
    private struct Line {
        var refusable = Deque<Place>()
        var promised = Deque<Place>()

        var isEmpty: Bool { refusable.isEmpty && promised.isEmpty }

        /// Whether the next element is a promised one.
        var promisedIsNext: Bool {
            guard let next = promised.first else { return false }
            return refusable.first.map { next.number < $0.number } ?? true
        }
    }

    private let capacity: Int
    private var lines: [String: Line] = [:]
    /// Users with elements, each once, in the order of their turns.
    private var rotation = Deque<String>()
    /// Users by their number of refusable elements; the last set is not empty, unless it is the first.
    private var usersByCount: [Set<String>] = [[]]
    private var refusableCount = 0
    private var nextNumber: UInt64 = 0
    private(set) var count = 0

    /// - Parameter capacity: Places for elements that may be refused.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Adds an element of a user; returns the element that has no place in the queue: this one, or another user's.
    mutating func append(_ element: Element, of user: String, isPromised: Bool = false) -> Element? {
        var refused: Element?
        if !isPromised, refusableCount >= capacity {
            let most = usersByCount.count - 1
            // The other user keeps at least as many as this one gets.
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

    /// Removes the element whose turn it is.
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
