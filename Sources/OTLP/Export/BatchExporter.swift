import Core
import CoreMetrics
import Logging

/// A queue for the items of one signal that sends them in batches, one request at a time.
///
///     offer (any thread) ─▶ BatchQueue ─▶ run(): encode once ─▶ OTLPSender, with retries
///
/// ``offer(_:)`` holds a lock only for an append, and never waits for the collector.
final class BatchExporter<Item: Sendable>: Sendable {
    private struct State {
        var queue: BatchQueue<Item>
        var flushes: [Int: Flush] = [:]
        var nextFlush = 0
    }

    private struct Flush {
        /// The value of ``BatchQueue/settledCount`` at which the flush is complete.
        let target: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private let state: Lock<State>
    private let wakeup = Wakeup()
    private let closing = Wakeup()
    private let sender: any OTLPSender
    private let encode: @Sendable ([Item]) throws -> [UInt8]
    private let weight: @Sendable (Item) -> Int
    private let timeout: Duration
    private let metrics: ExportMetrics
    private let log: ExportLog

    /// Creates an exporter.
    ///
    /// - Parameters:
    ///   - timeout: the time limit for one request.
    ///   - weight: the number of units that an item counts for in ``ExportMetrics``: 1 for a span or log record, the
    ///     number of data points for a metrics snapshot.
    ///   - encode: encodes the body of a request. Called outside of the lock, by ``run()``.
    init(
        _ configuration: BatchConfiguration,
        sender: any OTLPSender,
        timeout: Duration,
        metrics: ExportMetrics,
        log: ExportLog,
        weight: @escaping @Sendable (Item) -> Int = { _ in 1 },
        encode: @escaping @Sendable ([Item]) throws -> [UInt8]
    ) {
        state = Lock(State(queue: BatchQueue(configuration)))
        self.sender = sender
        self.timeout = min(timeout, configuration.exportTimeout)
        self.metrics = metrics
        self.log = log
        self.weight = weight
        self.encode = encode
    }

    /// The number of queued items, not counting the batch in flight.
    var queueCount: Int { state.withLock { $0.queue.count } }

    /// Queues an item, or counts it as dropped. Fast and non-blocking; can be called on any thread.
    func offer(_ item: Item) {
        switch state.withLock({ $0.queue.offer(item, now: .now) }) {
        case .queued(let wakes): if wakes { wakeup.wake() }
        case .full: metrics.drop(weight(item), .queueFull)
        case .closed: metrics.drop(weight(item), .shutdown)
        }
    }

    /// Sends batches until a shutdown is complete or has timed out, or the task is cancelled. Then drops what is left
    /// and closes the sender. Call it only once.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sendAll() }
            group.addTask { await self.deadline() }
            // One of the two tasks ends when everything is sent, the other when the deadline has passed.
            await group.next()
            group.cancelAll()
        }
        giveUp(
            state.withLock { state in
                state.queue.close(deadline: .now)
                return state.queue.abandon()
            })
        resumeFlushes()
        sender.shutdown()
    }

    /// Sends everything that is queued now. Returns once all of these items are settled (accepted, refused or dropped),
    /// or after `duration`.
    ///
    /// - Returns: true if all of these items were settled in time.
    func forceFlush(within duration: Duration) async -> Bool {
        await withDiscardingTaskGroup { group in
            defer { group.cancelAll() }
            return await withCheckedContinuation { continuation in
                let id = state.withLock { state in
                    state.nextFlush += 1
                    state.flushes[state.nextFlush] = Flush(target: state.queue.flush(), continuation: continuation)
                    return state.nextFlush
                }
                group.addTask {
                    try? await Task.sleep(for: duration)
                    self.endFlush(id)
                }
                resumeFlushes()
                wakeup.wake()
            }
        }
    }

    /// Stops accepting items. ``run()`` spends up to `duration` on the remaining items and then returns. Never blocks;
    /// can be called on any thread.
    func shutdown(within duration: Duration) {
        state.withLock { $0.queue.close(deadline: .now + duration) }
        wakeup.wake()
        closing.wake()
    }

    private func sendAll() async {
        var body: PreparedBody?
        while !Task.isCancelled {
            switch state.withLock({ $0.queue.next(now: .now) }) {
            case .wait(let instant):
                await wakeup.wait(until: instant)
            case .finished(let abandoned):
                giveUp(abandoned)
                return
            case .start(let items):
                body = prepare(items)
                await send(body)
            case .again:
                metrics.retries.increment()
                await send(body)
            }
        }
    }

    /// Returns when the time limit of a shutdown has passed.
    private func deadline() async {
        await closing.wait(until: nil)
        guard let deadline = state.withLock({ $0.queue.deadline }) else { return }
        try? await Task.sleep(until: deadline, clock: .continuous)
    }

    private func prepare(_ items: [Item]) -> PreparedBody? {
        do {
            return sender.prepare(try encode(items))
        } catch {
            log.report(.invalid, "Telemetry could not be encoded", ["error": "\(error)"])
            return nil
        }
    }

    private func send(_ body: PreparedBody?) async {
        let outcome: ExportOutcome
        if let body {
            outcome = await sender.send(body, timeout: timeout)
        } else {
            outcome = .refused(reason: "invalid")
        }
        let (items, settlement, waiting) = state.withLock { state in
            let items = state.queue.currentItems
            let settlement = state.queue.settle(outcome, now: .now, random: .random(in: .min ... .max))
            return (items, settlement, state.queue.count)
        }
        report(outcome, settlement, count: items.reduce(0) { $0 + weight($1) }, waiting: waiting, isValid: body != nil)
        resumeFlushes()
    }

    private func report(
        _ outcome: ExportOutcome, _ settlement: BatchQueue<Item>.Settlement, count: Int, waiting: Int, isValid: Bool
    ) {
        switch outcome {
        case .accepted(let rejected, let message):
            log.reportSuccess()
            let rejected = min(rejected, count)
            metrics.exported.increment(by: count - rejected)
            metrics.drop(rejected, .rejected)
            if rejected > 0 || message != nil {
                log.report(
                    .rejected, "The collector reported a partial success",
                    ["rejected": "\(rejected)", "reason": "\(message ?? "")"])
            }
        case .refused(let reason):
            metrics.drop(count, isValid ? .refused : .invalid)
            if isValid {
                log.report(
                    .refused, "The collector refused telemetry", ["dropped": "\(count)", "reason": "\(reason)"])
            }
        case .unavailable(let reason, _):
            log.report(
                .unavailable, "The collector is unavailable; telemetry is queued",
                ["reason": "\(reason)", "waiting": "\(count + waiting)"])
            guard settlement == .expired else { return }
            metrics.drop(count, .expired)
            log.report(
                .expired, "Telemetry was dropped because the collector was unavailable for too long",
                ["dropped": "\(count)"])
        }
    }

    private func giveUp(_ items: [Item]) {
        guard !items.isEmpty else { return }
        let count = items.reduce(0) { $0 + weight($1) }
        metrics.drop(count, .shutdown)
        log.report(.shutdown, "Telemetry was dropped at shutdown", ["dropped": "\(count)"])
    }

    private func resumeFlushes() {
        let done = state.withLock { state in
            let settled = state.queue.settledCount
            let done = state.flushes.filter { $0.value.target <= settled }
            for id in done.keys { state.flushes[id] = nil }
            return done.values
        }
        for flush in done { flush.continuation.resume(returning: true) }
    }

    private func endFlush(_ id: Int) {
        let flush = state.withLock { $0.flushes.removeValue(forKey: id) }
        flush?.continuation.resume(returning: false)
    }
}
