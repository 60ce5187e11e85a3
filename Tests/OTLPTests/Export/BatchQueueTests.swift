import Core
import Testing

@testable import OTLP

/// Contents, timing and outcomes of the batch queue, step by step.
@Suite("Batch queue")
struct BatchQueueTests {
    private let begin = ContinuousClock.now
    private let configuration = BatchConfiguration(
        maxQueueSize: 5, maxBatchSize: 2, scheduleDelay: .seconds(5), retention: .seconds(60),
        backoff: .init(base: .seconds(2), cap: .seconds(8), fixedPart: 0.5))

    private func at(_ seconds: Double) -> ContinuousClock.Instant { begin + .seconds(seconds) }

    private func queue(_ items: Int...) -> BatchQueue<Int> {
        var queue = BatchQueue<Int>(configuration)
        for item in items { _ = queue.offer(item, now: begin) }
        return queue
    }

    /// Describes a step as text.
    private func step(_ queue: inout BatchQueue<Int>, _ seconds: Double) -> String {
        switch queue.next(now: at(seconds)) {
        case .start(let items): "start \(items)"
        case .again: "again"
        case .wait(let until): until.map { "wait until \(($0 - begin) / .seconds(1))" } ?? "wait"
        case .finished(let abandoned): "finished \(abandoned)"
        }
    }

    private let away = ExportOutcome.unavailable(reason: "", retryAfter: nil)
    private let taken = ExportOutcome.accepted(rejected: 0, message: nil)

    @Test("A full batch is sent at once, a partial one after the schedule delay")
    func batches() {
        var queue = queue(1, 2, 3)
        #expect(step(&queue, 0) == "start [1, 2]")
        #expect(queue.settle(taken, now: begin, random: 0) == .exported)
        #expect(step(&queue, 1) == "wait until 5.0")
        #expect(step(&queue, 5) == "start [3]")
        _ = queue.settle(taken, now: begin, random: 0)
        #expect(step(&queue, 6) == "wait")
        #expect(queue.settledCount == 3)
    }

    @Test("The first item and a full batch wake the exporter; a full queue rejects items")
    func offers() {
        var queue = BatchQueue<Int>(configuration)
        let offers = (0..<6).map { queue.offer($0, now: begin) }
        #expect(
            offers == [
                .queued(wakes: true), .queued(wakes: true), .queued(wakes: false), .queued(wakes: false),
                .queued(wakes: false), .full,
            ])
        #expect(queue.count == 5 && queue.keptCount == 5)
    }

    @Test("A batch is retried after a wait, before any later batch")
    func retries() {
        var queue = queue(1, 2, 3, 4)
        _ = queue.next(now: begin)
        #expect(queue.settle(away, now: at(1), random: 0) == .kept)
        #expect(step(&queue, 1) == "wait until 2.0")
        #expect(step(&queue, 2) == "again")
        #expect(queue.settle(.unavailable(reason: "", retryAfter: .seconds(30)), now: at(2), random: 0) == .kept)
        #expect(step(&queue, 3) == "wait until 32.0")
        #expect(step(&queue, 32) == "again")
        #expect(queue.settle(taken, now: at(33), random: 0) == .exported)
        #expect(step(&queue, 33) == "start [3, 4]")
    }

    @Test("A batch whose retention ends before its next attempt is dropped; the wait applies to the next batch")
    func expiry() {
        var queue = queue(1, 2, 3, 4)
        _ = queue.next(now: begin)
        let longWait = ExportOutcome.unavailable(reason: "", retryAfter: .seconds(40))
        #expect(queue.settle(longWait, now: at(0), random: 0) == .kept)
        _ = queue.next(now: at(40))
        #expect(queue.settle(longWait, now: at(40), random: 0) == .expired)
        #expect(step(&queue, 41) == "wait until 80.0")
        #expect(step(&queue, 80) == "start [3, 4]")
    }

    @Test("A refused batch is dropped, and the next is sent at once")
    func refusal() {
        var queue = queue(1, 2, 3, 4)
        _ = queue.next(now: begin)
        #expect(queue.settle(.refused(reason: ""), now: begin, random: 0) == .refused)
        #expect(step(&queue, 0) == "start [3, 4]")
    }

    @Test("A flush covers the items queued now, and none that follow")
    func flushing() {
        var queue = queue(1)
        #expect(queue.flush() == 1)
        #expect(step(&queue, 0) == "start [1]")
        _ = queue.offer(2, now: at(1))
        _ = queue.settle(taken, now: at(1), random: 0)
        #expect(queue.settledCount == 1)
        #expect(step(&queue, 1) == "wait until 6.0")
    }

    @Test(
        "After closing, the remaining items are sent until the deadline, with one more attempt per failed batch")
    func closing() {
        var queue = queue(1, 2, 3)
        _ = queue.next(now: begin)
        _ = queue.settle(.unavailable(reason: "", retryAfter: .seconds(50)), now: at(1), random: 0)
        queue.close(deadline: at(5))
        #expect(queue.offer(9, now: at(1)) == .closed)
        #expect(step(&queue, 1) == "again")
        #expect(queue.settle(taken, now: at(1), random: 0) == .exported)
        #expect(step(&queue, 2) == "start [3]")
        _ = queue.settle(.unavailable(reason: "", retryAfter: .seconds(50)), now: at(2), random: 0)
        #expect(step(&queue, 2) == "finished [3]")
        #expect(queue.settledCount == 3)
        #expect(step(&queue, 2) == "finished []")
    }
}
