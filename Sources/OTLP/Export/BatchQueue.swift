/// What waits to be exported, and what is to be done about it next: the states of a batching exporter, without clock,
/// randomness or threads of its own.
///
///     offer ─▶ waiting (bounded) ─▶ batch ── accepted, refused ─▶ settled
///                                   ▲   │
///                                   └───┘ unavailable: the same again later, until its retention is over
///
/// One batch is under way at a time and keeps its place until it is settled, so that a collector that was away gets
/// everything once, in order, as far as the queue reached.
struct BatchQueue<Item: Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Offer: Sendable, Equatable {
        /// Kept; `wakes` when whoever exports has to look again.
        case queued(wakes: Bool)
        case full
        case closed
    }

    enum Step: Sendable {
        /// Send these.
        case start([Item])
        /// Send the batch that was unavailable again.
        case again
        /// Nothing to do before `until`, or before somebody wakes.
        case wait(until: Instant?)
        /// Closed, and nothing is left; `abandoned` is what the time did not suffice for.
        case finished(abandoned: [Item])
    }

    /// What a batch came to.
    enum Settlement: Sendable, Equatable {
        case exported
        case refused
        /// Unavailable for longer than it is kept.
        case expired
        /// To be sent again.
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
    private var backoff: RetryBackoff
    /// When what is not a full batch has waited long enough; `nil` when nothing waits.
    private var due: Instant?
    /// Until when the collector is left alone.
    private var notBefore: Instant?
    private var flushedCount = 0

    /// Until when what is left may be sent; `nil` while the queue is open.
    private(set) var deadline: Instant?

    /// Items that were ever kept.
    private(set) var keptCount = 0
    /// Items of these that are done with, one way or the other.
    private(set) var settledCount = 0

    init(_ configuration: BatchConfiguration) {
        self.configuration = configuration
        backoff = RetryBackoff(configuration.backoff)
    }

    /// Items that wait, without those of the batch that is under way.
    var count: Int { full.count * configuration.maxBatchSize + filling.count }

    /// The items of the batch that is under way.
    var currentItems: [Item] { current?.items ?? [] }

    /// Takes one more, in constant time.
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

    /// What is to be done at `now`. Not to be asked while a batch is being sent.
    mutating func next(now: Instant) -> Step {
        let hasWork = current != nil || count > 0
        guard hasWork else { return deadline == nil ? .wait(until: nil) : .finished(abandoned: []) }
        // Before the deadline there must be room for another attempt.
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

    /// Notes what became of the batch that was sent.
    ///
    /// - Parameter random: any 64 bits, for the wait before the next attempt.
    mutating func settle(_ outcome: ExportOutcome, now: Instant, random: UInt64) -> Settlement {
        switch outcome {
        case .accepted:
            backoff.reset()
            notBefore = nil
            drop()
            return .exported
        case .refused:
            notBefore = nil
            drop()
            return .refused
        case .unavailable(_, let retryAfter):
            let next = now + (retryAfter ?? backoff.next(random: random))
            notBefore = next
            let firstFailure = current?.firstFailure ?? now
            current?.firstFailure = firstFailure
            guard next - firstFailure > configuration.retention else { return .kept }
            drop()
            return .expired
        }
    }

    /// Lets everything that waits now go without delay; returns the value that ``settledCount`` then has.
    mutating func flush() -> Int {
        flushedCount = keptCount
        return keptCount
    }

    /// Takes no more, and has until `deadline` for what is left. The collector is asked once more at once, whatever
    /// it wanted before.
    mutating func close(deadline: Instant) {
        guard self.deadline == nil else { return }
        self.deadline = deadline
        notBefore = nil
    }

    /// Takes no more, and gives up everything that is left.
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
