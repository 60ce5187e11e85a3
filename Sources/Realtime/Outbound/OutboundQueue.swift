import DequeModule
package import NIOCore

/// A bounded queue of messages for one client whose socket takes no more. When it is full, telemetry is conflated: all
/// but the latest message of each series are dropped and, if that is not enough, the oldest ones.
///
/// A value type without I/O. The shard appends messages, and drains the queue when the socket becomes writable again.
package struct OutboundQueue {
    /// The limits of one client's queue.
    package struct Limits: Sendable {
        /// The maximum bytes of queued frames. Above it, telemetry is conflated.
        package var maxBytes: Int
        /// The maximum number of messages that must not be dropped. One more closes the client.
        package var maxReliableMessages: Int
        /// The minimum interval between two `gap` notices of a room.
        package var gapInterval: TimeAmount
        /// The approximate maximum bytes of pending gap notices.
        var maxGapBytes: Int { max(maxBytes / 2, 16 << 10) }

        package init(
            maxBytes: Int = 1 << 20, maxReliableMessages: Int = 256, gapInterval: TimeAmount = .seconds(1)
        ) {
            self.maxBytes = maxBytes
            self.maxReliableMessages = maxReliableMessages
            self.gapInterval = gapInterval
        }
    }

    /// The result of appending a message.
    package enum AppendResult: Equatable {
        /// The message was queued. `dropped` older messages were dropped to make room for it.
        case queued(dropped: Int)
        /// The message must not be dropped and does not fit, or too many rooms have pending gap notices. The client
        /// must be closed with 4008.
        case overflow
    }

    /// The next item to send.
    package enum Next {
        case message(QueuedMessage)
        /// A notice that `dropped` messages of the room were dropped.
        case gap(room: String, dropped: Int)
    }

    private var messages = Deque<QueuedMessage>()
    private var reliableCount = 0
    private var droppedByRoom: [String: Int] = [:]
    /// The approximate bytes of ``droppedByRoom``.
    private var gapByteCount = 0
    private(set) var lastGap: [String: NIODeadline] = [:]
    private let limits: Limits

    /// The estimated bytes of a pending gap notice in addition to its room's name.
    private static let gapOverhead = 64
    /// The maximum number of rooms in ``lastGap``.
    static let maxGapTimes = 1024

    /// Bytes of the frames that wait.
    package private(set) var byteCount = 0

    package var count: Int { messages.count }
    package var isEmpty: Bool { messages.isEmpty }

    package init(limits: Limits) {
        self.limits = limits
    }

    /// Appends `message`. When the limit is reached, telemetry is conflated to make room.
    package mutating func append(_ message: QueuedMessage) -> AppendResult {
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
            // With gaps in that many rooms, a reconnect with a fresh snapshot is the better repair.
            return gapByteCount > limits.maxGapBytes ? .overflow : .queued(dropped: dropped)
        }
    }

    /// Removes and returns the next item; `nil` when nothing can be sent now.
    ///
    /// A room's gap notice precedes the room's next message, at most once per ``Limits/gapInterval``. A notice that has
    /// to wait is sent later, and its count keeps growing until then.
    package mutating func next(at now: NIODeadline) -> Next? {
        guard let first = messages.first else { return nextGap(at: now) }
        if !droppedByRoom.isEmpty, let dropped = droppedByRoom[first.room], gapIsDue(in: first.room, at: now) {
            return takeGap(dropped, in: first.room, at: now)
        }
        messages.removeFirst()
        byteCount -= first.frame.readableBytes
        if case .reliable = first.delivery { reliableCount -= 1 }
        return .message(first)
    }

    /// Returns true if the queue can be discarded: no message or gap notice waits, and the latest gap notice of each
    /// room is at least ``Limits/gapInterval`` old.
    package func isDiscardable(at now: NIODeadline) -> Bool {
        messages.isEmpty && droppedByRoom.isEmpty && lastGap.values.allSatisfy { now - $0 >= limits.gapInterval }
    }

    /// Returns a gap notice that is due. Called when no message is queued: the notice of a room without further
    /// messages would otherwise never be sent.
    private mutating func nextGap(at now: NIODeadline) -> Next? {
        guard let (room, dropped) = droppedByRoom.first(where: { gapIsDue(in: $0.key, at: now) }) else { return nil }
        return takeGap(dropped, in: room, at: now)
    }

    private mutating func takeGap(_ dropped: Int, in room: String, at now: NIODeadline) -> Next {
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

    /// Drops telemetry until a quarter of the limit is free, or until `size` fits: first all but the latest message of
    /// each key, then the oldest. Freeing a quarter at once keeps the amortised cost per appended message constant.
    private mutating func makeRoom(for size: Int) -> Int {
        let target = max(0, min(limits.maxBytes / 4 * 3, limits.maxBytes - size))
        var seen = Set<ConflationKey>()
        var kept = Deque<QueuedMessage>()
        var dropped = 0
        for message in messages.reversed() {
            if case .conflatable(let key) = message.delivery, !seen.insert(key).inserted {
                drop(message)
                dropped += 1
            } else {
                kept.prepend(message)
            }
        }
        messages = kept
        guard byteCount > target else { return dropped }
        var remaining = Deque<QueuedMessage>()
        while let message = messages.popFirst() {
            // The newest message is always kept because it is the most valuable one.
            if byteCount > target, case .conflatable = message.delivery, !messages.isEmpty {
                drop(message)
                dropped += 1
            } else {
                remaining.append(message)
            }
        }
        messages = remaining
        return dropped
    }

    private mutating func drop(_ message: QueuedMessage) {
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
