import Foundation

/// What other threads have for a shard: messages to fan out and work to do in their midst, in order, bounded in bytes.
///
/// `@unchecked Sendable`: every stored variable is read and written with `condition` locked.
final class Mailbox: @unchecked Sendable {
    enum Item {
        /// Messages for everybody in their rooms. The array is shared by all shards.
        case messages([QueuedMessage])
        /// Work that must happen after the messages before it and before those after it.
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

    /// Adds an item; true when the shard must be woken because nothing waited before.
    func post(_ item: Item, byteCount added: Int) -> Bool {
        condition.withLock {
            guard !isClosed else { return false }
            items.append(item)
            byteCount += added
            return items.count == 1
        }
    }

    /// Takes everything out and lets waiting publishers go on.
    func takeAll() -> [Item] {
        condition.withLock {
            let taken = items
            items = []
            byteCount = 0
            if waiters > 0 { condition.broadcast() }
            return taken
        }
    }

    /// Whether more waits than the limit.
    var isFull: Bool { condition.withLock { byteCount > maxByteCount } }

    /// Bytes of what waits.
    var waitingByteCount: Int { condition.withLock { byteCount } }

    /// Blocks the calling thread while the limit is exceeded; true when it had to wait. Never call it on an event loop.
    func waitForRoom() -> Bool {
        condition.withLock {
            guard byteCount > maxByteCount, !isClosed else { return false }
            waiters += 1
            while byteCount > maxByteCount, !isClosed { condition.wait() }
            waiters -= 1
            return true
        }
    }

    /// Takes nothing more and releases whoever waits.
    func close() {
        condition.withLock {
            isClosed = true
            items = []
            condition.broadcast()
        }
    }
}
