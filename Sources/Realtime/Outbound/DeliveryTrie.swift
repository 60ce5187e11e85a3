package import NIOCore

/// A trie of the message sequences that a shard delivers at the end of one tick. Clients with the same messages share the
/// same bytes.
///
/// The root stands for "no messages yet", and each step down appends one message. A client is one position in the trie,
/// so adding a message for a client costs one step and no memory. At the end of the tick all clients at the same
/// position get one buffer with their small frames joined: one write instead of many.
///
///     messages  A B C          root ──A──▶ 1 ──C──▶ 3     everyone in A's and C's room
///                                └────B──▶ 2              everyone in B's room
package struct DeliveryTrie {
    /// A position in the trie. Clients start at ``root``.
    package typealias Position = Int32
    /// The index of one of the tick's messages.
    package typealias MessageIndex = Int32

    /// The position of a client without messages in this tick.
    package static let root: Position = 0

    /// Frames that are written as one buffer.
    package struct Run {
        package var bytes: ByteBuffer
        /// The number of messages of the ``Delivery`` that have been written once this run has been.
        package var messagesThrough: Int
    }

    /// The messages of the clients at one position, in order.
    package struct Delivery {
        package var messages: [QueuedMessage]
        package var runs: [Run]
        /// True when at least one of the messages has a ``SendSpan``.
        package var hasSends: Bool
    }

    private struct Node {
        var parent: Position
        var message: MessageIndex
        var depth: Int32
        /// The latest step taken from this node. Clients at the same position usually take the same next step, so one
        /// cached child is enough.
        var latestMessage: MessageIndex = -1
        var latestChild: Position = 0
    }

    /// The maximum size of a run of joined frames.
    private static let maxRunByteCount = 32 * 1024
    /// The maximum size of a frame that is joined with others in a run. Copying a larger one would cost more than the
    /// system call that it saves.
    private static let maxJoinedFrameByteCount = 8 * 1024

    private var nodes: [Node] = [Node(parent: 0, message: -1, depth: 0)]
    private var messages: [QueuedMessage] = []
    private var deliveries: [Position: Delivery] = [:]

    package init() {}

    package var isEmpty: Bool { messages.isEmpty }

    /// Adds a message to the tick. Recipients are added with ``step(from:with:)``.
    package mutating func add(_ message: QueuedMessage) -> MessageIndex {
        messages.append(message)
        return MessageIndex(messages.count - 1)
    }

    /// Returns the new position of a client at `position` that also gets `message`.
    package mutating func step(from position: Position, with message: MessageIndex) -> Position {
        let node = nodes[Int(position)]
        if node.latestMessage == message { return node.latestChild }
        let child = Position(nodes.count)
        nodes.append(Node(parent: position, message: message, depth: node.depth + 1))
        nodes[Int(position)].latestMessage = message
        nodes[Int(position)].latestChild = child
        return child
    }

    /// Returns the messages of the clients at `position`. Built once and shared by all of them.
    package mutating func delivery(at position: Position) -> Delivery {
        if let delivery = deliveries[position] { return delivery }
        let messages = messages(at: position)
        let delivery = Delivery(
            messages: messages, runs: Self.joinedRuns(of: messages), hasSends: messages.contains { $0.send != nil })
        deliveries[position] = delivery
        return delivery
    }

    /// Starts the next tick, and frees the memory of an unusually large one.
    package mutating func reset() {
        let keep = nodes.count <= 1024
        if keep {
            nodes.removeLast(nodes.count - 1)
            nodes[0].latestMessage = -1
        } else {
            nodes = [Node(parent: 0, message: -1, depth: 0)]
        }
        messages.removeAll(keepingCapacity: keep)
        deliveries.removeAll(keepingCapacity: keep)
    }

    private func messages(at position: Position) -> [QueuedMessage] {
        var node = nodes[Int(position)]
        if node.depth == 1 { return [messages[Int(node.message)]] }
        var indices: [Int] = []
        indices.reserveCapacity(Int(node.depth))
        while node.depth > 0 {
            indices.append(Int(node.message))
            node = nodes[Int(node.parent)]
        }
        return indices.reversed().map { messages[$0] }
    }

    private static func joinedRuns(of messages: [QueuedMessage]) -> [Run] {
        if messages.count == 1 { return [Run(bytes: messages[0].frame, messagesThrough: 1)] }
        var runs: [Run] = []
        var start = 0
        while start < messages.count {
            var end = start + 1
            var byteCount = messages[start].frame.readableBytes
            while end < messages.count, byteCount <= maxJoinedFrameByteCount || end - start > 1 {
                let next = messages[end].frame.readableBytes
                guard next <= maxJoinedFrameByteCount, byteCount + next <= maxRunByteCount else { break }
                byteCount += next
                end += 1
            }
            if end - start == 1 {
                runs.append(Run(bytes: messages[start].frame, messagesThrough: end))
            } else {
                var bytes = ByteBufferAllocator().buffer(capacity: byteCount)
                for message in messages[start..<end] { bytes.writeImmutableBuffer(message.frame) }
                runs.append(Run(bytes: bytes, messagesThrough: end))
            }
            start = end
        }
        return runs
    }
}
