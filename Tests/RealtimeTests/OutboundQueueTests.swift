import NIOCore
import TestSupport
import Testing

@testable import Realtime

/// The outbound queue of a slow client is bounded and ordered, and reports dropped messages.
@Suite("Outbound queue")
struct OutboundQueueTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private static func telemetry(_ key: UInt64, _ text: String, room: String = "sensors/a") -> QueuedMessage {
        QueuedMessage(
            room: room, frame: ByteBuffer(string: text), delivery: .conflatable(key: ConflationKey(rawValue: key)))
    }

    private static func reliable(_ text: String) -> QueuedMessage {
        QueuedMessage(room: "chat/a", frame: ByteBuffer(string: text), delivery: .reliable)
    }

    /// Drains the queue and returns texts, with gaps as "gap ROOM COUNT".
    private static func drain(_ queue: inout OutboundQueue, at now: NIODeadline = start) -> [String] {
        var out: [String] = []
        while let next = queue.next(at: now) {
            switch next {
            case .message(let message): out.append(String(buffer: message.frame))
            case .gap(let room, let dropped): out.append("gap \(room) \(dropped)")
            }
        }
        return out
    }

    @Test("Below the limit, all messages are kept in order, also telemetry of the same series")
    func order() {
        var queue = OutboundQueue(limits: .init(maxBytes: 100))
        for number in 0..<5 { #expect(queue.append(Self.telemetry(1, "t\(number)")) == .queued(dropped: 0)) }
        #expect(queue.append(Self.reliable("c")) == .queued(dropped: 0))
        #expect(queue.byteCount == 11)
        #expect(Self.drain(&queue) == ["t0", "t1", "t2", "t3", "t4", "c"])
        #expect(queue.byteCount == 0)
        #expect(queue.isDiscardable(at: Self.start))
    }

    @Test("Above the limit, only the latest telemetry of each series is kept, preceded by a gap notice of the room")
    func conflation() {
        var queue = OutboundQueue(limits: .init(maxBytes: 40))
        for number in 0..<4 { _ = queue.append(Self.telemetry(1, "aaaa\(number)")) }
        for number in 0..<4 { _ = queue.append(Self.telemetry(2, "bbbb\(number)")) }
        #expect(queue.byteCount == 40)
        #expect(queue.append(Self.telemetry(1, "aaaa4")) == .queued(dropped: 7))
        #expect(Self.drain(&queue) == ["gap sensors/a 7", "bbbb3", "aaaa4"])
    }

    @Test("Reliable messages are never dropped: without room, the queue overflows and the client must be closed")
    func reliableOverflow() {
        var queue = OutboundQueue(limits: .init(maxBytes: 20, maxReliableMessages: 3))
        #expect(queue.append(Self.reliable("1234567890")) == .queued(dropped: 0))
        #expect(queue.append(Self.reliable("1234567890")) == .queued(dropped: 0))
        #expect(queue.append(Self.reliable("1")) == .overflow)

        var counted = OutboundQueue(limits: .init(maxBytes: 1000, maxReliableMessages: 2))
        #expect(counted.append(Self.reliable("1")) == .queued(dropped: 0))
        #expect(counted.append(Self.reliable("2")) == .queued(dropped: 0))
        #expect(counted.append(Self.reliable("3")) == .overflow)
    }

    @Test("Telemetry is dropped to make room for reliable messages")
    func telemetryYields() {
        var queue = OutboundQueue(limits: .init(maxBytes: 20))
        _ = queue.append(Self.telemetry(1, "tttttttt"))
        _ = queue.append(Self.telemetry(2, "uuuuuuuu"))
        #expect(queue.append(Self.reliable("cccccccccc")) == .queued(dropped: 1))
        #expect(Self.drain(&queue) == ["gap sensors/a 1", "uuuuuuuu", "cccccccccc"])
    }

    @Test("A room gets at most one gap notice per second, and later drops are reported afterwards")
    func gapInterval() {
        var queue = OutboundQueue(limits: .init(maxBytes: 10))
        for number in 0..<3 { _ = queue.append(Self.telemetry(1, "aaaaa\(number)")) }
        #expect(Self.drain(&queue) == ["gap sensors/a 2", "aaaaa2"])
        for number in 3..<6 { _ = queue.append(Self.telemetry(1, "aaaaa\(number)")) }
        #expect(Self.drain(&queue, at: Self.start + .milliseconds(500)) == ["aaaaa5"])
        #expect(!queue.isDiscardable(at: Self.start + .milliseconds(500)))
        #expect(Self.drain(&queue, at: Self.start + .milliseconds(1001)) == ["gap sensors/a 2"])
        #expect(queue.isDiscardable(at: Self.start + .seconds(3)))
    }

    @Test("Gaps in too many rooms overflow the queue")
    func manyGaps() {
        var queue = OutboundQueue(limits: .init(maxBytes: 1000))
        let name = String(repeating: "x", count: 200)
        var count: UInt64 = 0
        while count < 1000, queue.append(Self.telemetry(count, "aaaaa", room: "\(name)\(count)")) != .overflow {
            count += 1
        }
        // The bound is at least 16 KiB, and each entry counts 64 bytes besides its name.
        #expect((60...400).contains(count))
    }

    @Test("The times of earlier gap notices are remembered for a bounded number of rooms")
    func gapTimes() {
        var queue = OutboundQueue(limits: .init(maxBytes: 10))
        for number in 0..<3000 as Range<UInt64> {
            for _ in 0..<2 { _ = queue.append(Self.telemetry(number, "aaaaaa", room: "room \(number)")) }
            #expect(Self.drain(&queue, at: Self.start + .seconds(Int64(number / 1000))).count == 2)
        }
        #expect(queue.isDiscardable(at: Self.start + .seconds(4)))
        #expect(queue.lastGap.count <= OutboundQueue.maxGapTimes)
    }

    @Test("The queue never exceeds its limit, for random messages")
    func bounded() {
        var queue = OutboundQueue(limits: .init(maxBytes: 1000))
        var random = SeededRandom()
        for _ in 0..<5000 {
            let size = Int.random(in: 1...200, using: &random)
            let message = Self.telemetry(UInt64.random(in: 0...50, using: &random), String(repeating: "x", count: size))
            _ = queue.append(message)
            #expect(queue.byteCount <= 1000, "seed \(random.seed)")
        }
        let waiting = queue.byteCount
        let drained = Self.drain(&queue).filter { !$0.hasPrefix("gap") }.reduce(0) { $0 + $1.utf8.count }
        #expect(drained == waiting, "seed \(random.seed)")
    }
}
