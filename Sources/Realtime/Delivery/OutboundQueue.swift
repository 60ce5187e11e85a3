import DequeModule
package import NIOCore

/// What waits for one client whose socket does not take more: bounded, in order, with conflation as the last resort.
///
/// A value type without I/O: the shard appends, and drains it when the socket takes bytes again.
package struct OutboundQueue {
    /// How much may wait for one client.
    package struct Limits: Sendable {
        /// Bytes of frames; above it telemetry conflates.
        package var maxBytes: Int
        /// Messages that may not be left out; one more closes the client.
        package var maxReliableMessages: Int
        /// The least time between two `gap` notices of a room.
        package var gapInterval: TimeAmount
        /// Bytes of gaps that wait to be told, about.
        var maxGapBytes: Int { max(maxBytes / 2, 16 << 10) }

        package init(
            maxBytes: Int = 1 << 20, maxReliableMessages: Int = 256, gapInterval: TimeAmount = .seconds(1)
        ) {
            self.maxBytes = maxBytes
            self.maxReliableMessages = maxReliableMessages
            self.gapInterval = gapInterval
        }
    }

    /// What became of an appended message.
    package enum Appended: Equatable {
        /// It waits; `dropped` older messages were left out to make room for it.
        case queued(dropped: Int)
        /// It may not be left out and there is no room, or gaps in too many rooms wait to be told: the client must be
        /// closed with 4008.
        case overflow
    }

    /// What goes out next.
    package enum Next {
        case message(QueuedMessage)
        /// Say first that `dropped` messages of the room were left out.
        case gap(room: String, dropped: Int)
    }

    private var messages = Deque<QueuedMessage>()
    private var reliableCount = 0
    private var droppedByRoom: [String: Int] = [:]
    /// An estimate of the bytes of ``droppedByRoom``.
    private var gapByteCount = 0
    private(set) var lastGap: [String: NIODeadline] = [:]
    private let limits: Limits

    /// Bytes of a gap beside its room's name.
    private static let gapOverhead = 64
    /// Rooms of which it is known when their last gap was told.
    static let maxGapTimes = 1024

    /// Bytes of the frames that wait.
    package private(set) var byteCount = 0

    package var count: Int { messages.count }
    package var isEmpty: Bool { messages.isEmpty }

    package init(limits: Limits) {
        self.limits = limits
    }

    /// Puts `message` at the end, making room by conflation when it is telemetry and the limit is reached.
    package mutating func append(_ message: QueuedMessage) -> Appended {
        let size = message.frame.readableBytes
        switch message.delivery {
        case .reliable:
            guard reliableCount < limits.maxReliableMessages else { return .overflow }
            var dropped = 0
            if byteCount + size > limits.maxBytes {
                dropped = makeRoom(for: size)
                guard byteCount + size <= limits.maxBytes else { return .overflow }
            }
            reliableCount += 1
            push(message, size)
            return .queued(dropped: dropped)
        case .conflatable:
            var dropped = 0
            push(message, size)
            if byteCount > limits.maxBytes { dropped = makeRoom(for: 0) }
            // Gaps in so many rooms are mended better by the snapshot of a new connection.
            return gapByteCount > limits.maxGapBytes ? .overflow : .queued(dropped: dropped)
        }
    }

    /// Takes out what goes next, or `nil` when nothing waits.
    ///
    /// A room's gap is told before the room's next message, at most once per interval; a count that had to wait is
    /// told later and meanwhile grows.
    package mutating func next(at now: NIODeadline) -> Next? {
        guard let first = messages.first else { return nextGap(at: now) }
        if !droppedByRoom.isEmpty, let dropped = droppedByRoom[first.room], gapIsDue(in: first.room, at: now) {
            return tell(dropped, in: first.room, at: now)
        }
        messages.removeFirst()
        byteCount -= first.frame.readableBytes
        if case .reliable = first.delivery { reliableCount -= 1 }
        return .message(first)
    }

    /// Whether nothing waits and every gap was told an interval ago: then the queue itself can be given up.
    package func isSpent(at now: NIODeadline) -> Bool {
        messages.isEmpty && droppedByRoom.isEmpty && lastGap.values.allSatisfy { now - $0 >= limits.gapInterval }
    }

    /// A gap whose room has not spoken since: told when nothing else waits, so that no client misses it.
    private mutating func nextGap(at now: NIODeadline) -> Next? {
        guard let (room, dropped) = droppedByRoom.first(where: { gapIsDue(in: $0.key, at: now) }) else { return nil }
        return tell(dropped, in: room, at: now)
    }

    private mutating func tell(_ dropped: Int, in room: String, at now: NIODeadline) -> Next {
        droppedByRoom[room] = nil
        gapByteCount -= Self.cost(ofGapIn: room)
        if lastGap.count >= Self.maxGapTimes {
            lastGap = lastGap.filter { now - $0.value < limits.gapInterval }
            if lastGap.count >= Self.maxGapTimes { lastGap.removeAll() }
        }
        lastGap[room] = now
        return .gap(room: room, dropped: dropped)
    }

    private mutating func push(_ message: QueuedMessage, _ size: Int) {
        messages.append(message)
        byteCount += size
    }

    private func gapIsDue(in room: String, at now: NIODeadline) -> Bool {
        guard let last = lastGap[room] else { return true }
        return now - last >= limits.gapInterval
    }

    /// Leaves out telemetry until a quarter of the limit is free (or `size` fits): first all but the latest of each
    /// key, then the oldest. Freeing a quarter at once keeps the cost per appended message constant.
    private mutating func makeRoom(for size: Int) -> Int {
        let target = max(0, min(limits.maxBytes / 4 * 3, limits.maxBytes - size))
        var seen = Set<ConflationKey>()
        var kept = Deque<QueuedMessage>()
        var dropped = 0
        for message in messages.reversed() {
            if case .conflatable(let key) = message.delivery, !seen.insert(key).inserted {
                leaveOut(message)
                dropped += 1
            } else {
                kept.prepend(message)
            }
        }
        messages = kept
        guard byteCount > target else { return dropped }
        var remaining = Deque<QueuedMessage>()
        while let message = messages.popFirst() {
            // The newest message always stays: it is the one that is worth the most.
            if byteCount > target, case .conflatable = message.delivery, !messages.isEmpty {
                leaveOut(message)
                dropped += 1
            } else {
                remaining.append(message)
            }
        }
        messages = remaining
        return dropped
    }

    private mutating func leaveOut(_ message: QueuedMessage) {
        byteCount -= message.frame.readableBytes
        if let dropped = droppedByRoom[message.room] {
            droppedByRoom[message.room] = dropped + 1
        } else {
            droppedByRoom[message.room] = 1
            gapByteCount += Self.cost(ofGapIn: message.room)
        }
    }

    private static func cost(ofGapIn room: String) -> Int { room.utf8.count + gapOverhead }
}
