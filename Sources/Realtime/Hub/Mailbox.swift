import Foundation

/// A queue from other threads to one shard. It holds messages to fan out and work items, in order. Above a limit in
/// bytes, publishers must wait or reject messages; ``post(_:byteCount:)`` does not enforce it.
///
/// `@unchecked Sendable`: every stored variable is read and written with `condition` locked.
final class Mailbox: @unchecked Sendable {
    enum Item {
        /// Messages to fan out to their rooms. All shards share the array's storage.
        case messages([QueuedMessage])
        /// Work to run between the messages posted before it and those posted after it.
        case work(@Sendable (HubShard) -> Void)
    }

    private let condition = NSCondition()
    private let maxByteCount: Int
    private var items: [Item] = []
    private var byteCount = 0
    private var waiters = 0
    private var isClosed = false

    init(maxByteCount: Int) {
        self.maxByteCount = maxByteCount
    }

    /// Adds an item. Returns true when the mailbox was empty, so that the shard must be woken.
    func post(_ item: Item, byteCount added: Int) -> Bool {
        condition.withLock {
            guard !isClosed else { return false }
            items.append(item)
            byteCount += added
            return items.count == 1
        }
    }

    /// Removes and returns all items, and releases blocked publishers.
    func takeAll() -> [Item] {
        condition.withLock {
            let taken = items
            items = []
            byteCount = 0
            if waiters > 0 { condition.broadcast() }
            return taken
        }
    }

    /// True when the waiting bytes exceed the limit.
    var isFull: Bool { condition.withLock { byteCount > maxByteCount } }

    /// Bytes of the items that wait.
    var waitingByteCount: Int { condition.withLock { byteCount } }

    /// Blocks the calling thread while the limit is exceeded. Returns true when it had to wait. Never call it on an
    /// event loop.
    func waitForCapacity() -> Bool {
        condition.withLock {
            guard byteCount > maxByteCount, !isClosed else { return false }
            waiters += 1
            while byteCount > maxByteCount, !isClosed { condition.wait() }
            waiters -= 1
            return true
        }
    }

    /// Discards all items, rejects further ones and releases blocked publishers.
    func close() {
        condition.withLock {
            isClosed = true
            items = []
            byteCount = 0
            condition.broadcast()
        }
    }
}
