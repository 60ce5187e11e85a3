import Core

/// The queue and the state machine of a ``BatchExporter``. It has no clock, randomness or threads of its own.
///
///     offer ─▶ waiting (bounded) ─▶ batch ── accepted, refused ─▶ settled
///                                   ▲   │
///                                   └───┘ unavailable: retry the same batch until its retention is over
///
/// A batch is *settled* once the collector has accepted or refused it, or once it was dropped. Only one batch is in
/// flight at a time, and later items wait until it is settled. After an outage, the collector therefore receives all
/// items that fit into the queue, in order.
struct BatchQueue<Item: Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Offer: Sendable, Equatable {
        /// The item was queued. If `wakes` is true, the exporter must call `next(now:)` again.
        case queued(wakes: Bool)
        case full
        case closed
    }

    enum Step: Sendable {
        /// Send this new batch.
        case start([Item])
        /// Retry the current batch.
        case again
        /// Do nothing until the given time or the next wake-up.
        case wait(until: Instant?)
        /// The queue is closed and nothing is left to send. `abandoned` has the items that were dropped because there
        /// was no time left for another attempt.
        case finished(abandoned: [Item])
    }

    /// The effect of a request's outcome on the batch in flight.
    enum Settlement: Sendable, Equatable {
        case exported
        case refused
        /// The collector was unavailable for longer than the retention time.
        case expired
        /// The batch will be retried.
        case kept
    }

    private struct Batch {
        var items: [Item]
        var firstFailure: Instant?
    }

    private let configuration: BatchConfiguration
    /// Full batches, the oldest first.
    private var full: [[Item]] = []
    private var filling: [Item] = []
    private var current: Batch?
    private let backoff: ExponentialBackoff
    /// Failed attempts in a row.
    private var failures = 0
    /// The time at which a partial batch is sent; `nil` when nothing is queued.
    private var due: Instant?
    /// The earliest time for the next request.
    private var notBefore: Instant?
    private var flushedCount = 0

    /// The deadline for sending the remaining items; `nil` while the queue is open.
    private(set) var deadline: Instant?

    /// The number of items that have been queued so far, including those already settled.
    private(set) var keptCount = 0
    /// The number of queued items that have been settled so far, with any result.
    private(set) var settledCount = 0

    init(_ configuration: BatchConfiguration) {
        self.configuration = configuration
        backoff = configuration.backoff
    }

    /// The number of queued items, not counting the batch in flight.
    var count: Int { full.count * configuration.maxBatchSize + filling.count }

    /// The items of the batch in flight.
    var currentItems: [Item] { current?.items ?? [] }

    /// Adds an item in constant time.
    mutating func offer(_ item: Item, now: @autoclosure () -> Instant) -> Offer {
        guard deadline == nil else { return .closed }
        guard count < configuration.maxQueueSize else { return .full }
        if filling.isEmpty { filling.reserveCapacity(min(configuration.maxBatchSize, 64)) }
        filling.append(item)
        keptCount += 1
        var wakes = false
        if due == nil {
            due = now() + configuration.scheduleDelay
            wakes = true
        }
        if filling.count == configuration.maxBatchSize {
            full.append(filling)
            filling = []
            wakes = wakes || full.count == 1
        }
        return .queued(wakes: wakes)
    }

    /// Returns the next step at time `now`. Do not call it while a batch is being sent.
    mutating func next(now: Instant) -> Step {
        let hasWork = current != nil || count > 0
        guard hasWork else { return deadline == nil ? .wait(until: nil) : .finished(abandoned: []) }
        // Give up if the next attempt could only start at or after the deadline.
        if let deadline, max(now, notBefore ?? now) >= deadline { return .finished(abandoned: abandon()) }
        if let notBefore, now < notBefore { return .wait(until: notBefore) }
        if current != nil { return .again }
        let isDue = due.map { $0 <= now } ?? false
        guard !full.isEmpty || isDue || deadline != nil || settledCount < flushedCount else {
            return .wait(until: due)
        }
        let items = take(now: now)
        current = Batch(items: items)
        return .start(items)
    }

    /// Settles the batch in flight according to the outcome of its request, or keeps it for a retry.
    ///
    /// - Parameter random: 64 random bits for the jitter of the next wait.
    mutating func settle(_ outcome: ExportOutcome, now: Instant, random: UInt64) -> Settlement {
        switch outcome {
        case .accepted:
            failures = 0
            notBefore = nil
            drop()
            return .exported
        case .refused:
            notBefore = nil
            drop()
            return .refused
        case .unavailable(_, let retryAfter):
            failures += 1
            let next = now + (retryAfter ?? backoff.wait(afterFailures: failures, random: random))
            notBefore = next
            let firstFailure = current?.firstFailure ?? now
            current?.firstFailure = firstFailure
            guard next - firstFailure > configuration.retention else { return .kept }
            drop()
            return .expired
        }
    }

    /// Makes all queued items due at once. Returns the value of ``settledCount`` at which all of them are settled.
    mutating func flush() -> Int {
        flushedCount = keptCount
        return keptCount
    }

    /// Closes the queue. The remaining items can be sent until `deadline`. Cancels any retry delay, so the next attempt
    /// is immediate.
    mutating func close(deadline: Instant) {
        guard self.deadline == nil else { return }
        self.deadline = deadline
        notBefore = nil
    }

    /// Drops all remaining items and returns them.
    mutating func abandon() -> [Item] {
        let items = currentItems + full.joined() + filling
        full = []
        filling = []
        current = nil
        due = nil
        settledCount = keptCount
        return items
    }

    private mutating func take(now: Instant) -> [Item] {
        let items: [Item]
        if full.isEmpty {
            items = filling
            filling = []
        } else {
            items = full.removeFirst()
        }
        due = count == 0 ? nil : now + configuration.scheduleDelay
        return items
    }

    private mutating func drop() {
        settledCount += current?.items.count ?? 0
        current = nil
    }
}
