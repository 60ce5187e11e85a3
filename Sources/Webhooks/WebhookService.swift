package import Core
package import CoreMetrics
package import Logging
import Metrics

/// A service that delivers the events of an outbox to their receiver in order. It retries each event until the receiver
/// accepts it or the event is given up.
///
///     WebhookOutbox ── oldest ─▶ due? ─▶ WebhookSending ─▶ verdict ─▶ WebhookOutbox
///           ▲                      │ no: wait                 │ delivered · retry at … · given up
///         wake()                                              ▼
///                                                     metrics, ReceiverHealth ─▶ log
///
/// A failing event blocks those behind it, so a receiver never sees *resolved* before *firing*. Delivery is at least
/// once: after a crash between the receiver's response and the outbox's commit, the event is sent again with the same
/// ID.
package final class WebhookService: Sendable {
    private let outbox: any WebhookOutbox
    private let sender: any WebhookSending
    private let retries: WebhookRetryPolicy
    private let metrics: WebhookMetrics
    private let clock: any WallClock
    private let random: @Sendable () -> UInt64
    private let sleep: @Sendable (Duration) async throws -> Void
    private let wakeup: Wakeup
    private let logger: Logger
    private let health = Lock(ReceiverHealth())

    /// - Parameters:
    ///   - sender: Sends to the receiver in `configuration`.
    ///   - random: Returns 64 random bits, for the jitter of the waits between attempts.
    ///   - sleep: Suspends for a duration. Must throw early when its task is cancelled.
    package init(
        _ configuration: WebhookConfiguration,
        outbox: any WebhookOutbox,
        sender: any WebhookSending,
        metrics: WebhookMetrics,
        logger: Logger,
        clock: any WallClock = SystemWallClock(),
        random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.outbox = outbox
        self.sender = sender
        retries = configuration.retries
        self.metrics = metrics
        self.clock = clock
        self.random = random
        self.sleep = sleep
        wakeup = Wakeup(sleep: sleep)
        var logger = logger
        logger[metadataKey: "webhook"] = .string(configuration.url.description)
        self.logger = logger
    }

    /// Signals that an event was added to the outbox. Call it after the commit, from any thread. Cheap and
    /// non-blocking.
    package func wake() {
        wakeup.wake()
    }

    /// Delivers events until the task is cancelled. An attempt in progress is then aborted and does not count. Must not
    /// run in two tasks at once, but may be called again after it has returned.
    package func run() async {
        while !Task.isCancelled {
            guard let entry = await stored("read", outbox.next) else { return }
            guard let entry else {
                await wakeup.wait(for: nil)
                continue
            }
            let wait = wait(before: entry)
            if wait > .zero {
                await wakeup.wait(for: wait)
            } else {
                await deliver(entry)
            }
        }
    }

    /// Returns the time until the entry is due. A wait that is longer than the policy allows counts as zero: the wall
    /// clock must have been set back, and deliveries must not stall because of it.
    private func wait(before entry: WebhookEntry) -> Duration {
        guard let dueAt = entry.dueAt else { return .zero }
        let wait = dueAt.since(clock.now())
        return wait <= retries.longestPossibleWait ? wait : .zero
    }

    private func deliver(_ entry: WebhookEntry) async {
        let start = ContinuousClock.now
        let outcome = await sender.send(entry.event, attempt: entry.failures + 1)
        let duration = ContinuousClock.now - start
        let now = clock.now()
        let verdict = WebhookDisposition(outcome, for: entry, retries: retries, at: now, random: random())
        guard let verdict else { return }
        report(verdict, of: entry, at: now, after: duration)
        let id = entry.event.id
        _ = await stored("updated") { [outbox] in
            switch verdict {
            case .delivered: try await outbox.delivered(id)
            case .retry(let dueAt, let reason): try await outbox.retry(id, at: dueAt, reason: reason)
            case .gaveUp(let reason): try await outbox.gaveUp(id, reason: reason)
            }
        }
    }

    private func report(
        _ verdict: WebhookDisposition, of entry: WebhookEntry, at now: Timestamp, after duration: Duration
    ) {
        let metadata: (String) -> Logger.Metadata = { ["reason": .string($0), "event_id": .string(entry.event.id)] }
        switch verdict {
        case .delivered:
            metrics.count(.delivered, in: duration)
            guard case .recovered(let trouble) = health.withLock({ $0.succeeded() }) else { return }
            logger.notice(
                "The webhook receiver accepts events again",
                metadata: [
                    "after": "\(now.since(trouble.since))", "failed_attempts": "\(trouble.failures)",
                    "lost_events": "\(trouble.lostEvents)",
                ])
        case .retry(_, let reason):
            metrics.count(.retried, in: duration)
            guard health.withLock({ $0.failed(isLost: false, at: now) }) != nil else { return }
            logger.warning("The webhook receiver does not accept events; they are queued", metadata: metadata(reason))
        case .gaveUp(let reason):
            metrics.count(.gaveUp, in: duration)
            guard health.withLock({ $0.failed(isLost: true, at: now) }) != nil else { return }
            logger.error(
                "A webhook event was dropped; further ones are only counted",
                metadata: metadata(reason))
        }
    }

    /// Retries an outbox operation with growing waits until it succeeds. Sending must wait until then: while the result
    /// is not stored, the same event would be sent over and over.
    ///
    /// Returns `nil` when the task was cancelled in the meantime.
    private func stored<Success: Sendable>(
        _ what: String, _ operation: @Sendable () async throws -> Success
    ) async -> Success? {
        var failures = 0
        while true {
            do {
                let result = try await operation()
                if failures > 0 { logger.notice("The webhook outbox works again") }
                return result
            } catch {
                failures += 1
                if Task.isCancelled { return nil }
                if failures == 1 {
                    logger.error(
                        "The webhook outbox failed; no events are sent",
                        metadata: ["not": .string(what), "error": "\(error)"])
                }
                let wait = retries.wait(afterFailures: failures, retryAfter: retries.firstWait, random: random())
                guard (try? await sleep(wait)) != nil else { return nil }
            }
        }
    }
}

/// A record of a receiver's failures. It limits the log to one line when the receiver begins to fail, one when the
/// first event is lost, and one when the receiver recovers.
///
/// A receiver that is down for a day or refuses a thousand events therefore does not flood the log. A value type: the
/// service writes the log.
struct ReceiverHealth {
    /// A period of failures, from the first failure to the next success.
    struct Trouble: Equatable {
        var since: Timestamp
        var failures = 0
        var lostEvents = 0
    }

    enum News: Equatable {
        /// The first attempt in this period failed. Its event waits for the next attempt.
        case fails
        /// The first event in this period was given up.
        case losesEvents
        case recovered(Trouble)
    }

    private var trouble: Trouble?

    /// Records a failed attempt.
    ///
    /// - Parameter isLost: True when the event was given up.
    mutating func failed(isLost: Bool, at now: Timestamp) -> News? {
        let before = trouble
        var trouble = before ?? Trouble(since: now)
        trouble.failures += 1
        if isLost { trouble.lostEvents += 1 }
        self.trouble = trouble
        if isLost { return trouble.lostEvents == 1 ? .losesEvents : nil }
        return before == nil ? .fails : nil
    }

    mutating func succeeded() -> News? {
        defer { trouble = nil }
        return trouble.map { .recovered($0) }
    }
}

/// Metrics of webhook attempts: their number by outcome, and their duration.
package struct WebhookMetrics: Sendable {
    /// The values of the label `outcome`.
    enum Outcome: String, CaseIterable {
        case delivered
        /// The attempt failed and will be repeated.
        case retried
        /// The event will not be delivered.
        case gaveUp = "gave_up"
    }

    private let deliveries: CounterFamily
    /// Duration of every attempt, whatever its outcome.
    private let duration: CoreMetrics.Timer

    package init(factory: any MetricsFactory) {
        deliveries = CounterFamily(
            "windsock_webhook_deliveries", by: "outcome", values: Outcome.allCases.map(\.rawValue), factory: factory)
        duration = Timer(label: "windsock_webhook_duration", dimensions: [], factory: factory)
    }

    func count(_ outcome: Outcome, in duration: Duration) {
        deliveries.increment(outcome.rawValue)
        self.duration.record(duration: duration)
    }
}
