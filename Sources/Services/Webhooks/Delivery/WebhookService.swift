import Core
package import Logging
import OTLP
package import Telemetry

/// Brings the events of an outbox to their receiver, in order, until each is delivered or given up.
///
///     WebhookOutbox ── oldest ─▶ due? ─▶ WebhookSending ─▶ verdict ─▶ WebhookOutbox
///           ▲                      │ no: wait                 │ delivered · retry at … · given up
///         wake()                                              ▼
///                                                     metrics, ReceiverHealth ─▶ log
///
/// An event that fails holds up those behind it: a receiver never sees *resolved* before *firing*. At least once: a
/// process that ends between the receiver's answer and the outbox's commit sends the event again, under the same
/// identifier.
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
    ///   - sender: to the receiver that `configuration` names.
    ///   - random: any 64 bits, for the waits.
    ///   - sleep: ends early, by an error, when its task is cancelled.
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

    /// Says that something was stored in the outbox. Cheap, never blocks, from any thread; to be called after the
    /// commit.
    package func wake() {
        wakeup.wake()
    }

    /// Returns when the task is cancelled, promptly: an attempt under way is broken off and does not count. To be called
    /// by one task; again after it returned.
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

    /// Never longer than a wait can be: a clock that was set back does not silence a receiver.
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
        let verdict = WebhookVerdict(outcome, for: entry, retries: retries, at: now, random: random())
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

    private func report(_ verdict: WebhookVerdict, of entry: WebhookEntry, at now: Timestamp, after duration: Duration)
    {
        let metadata: (String) -> Logger.Metadata = { ["reason": .string($0), "event_id": .string(entry.event.id)] }
        switch verdict {
        case .delivered:
            metrics.count(.delivered, in: duration)
            guard case .recovered(let trouble) = health.withLock({ $0.succeeded() }) else { return }
            logger.notice(
                "The webhook's receiver takes events again",
                metadata: [
                    "after": "\(now.since(trouble.since))", "failed_attempts": "\(trouble.failures)",
                    "lost_events": "\(trouble.lostEvents)",
                ])
        case .retry(_, let reason):
            metrics.count(.retried, in: duration)
            guard health.withLock({ $0.failed(isLost: false, at: now) }) != nil else { return }
            logger.warning("The webhook's receiver does not take events; they wait", metadata: metadata(reason))
        case .gaveUp(let reason):
            metrics.count(.gaveUp, in: duration)
            guard health.withLock({ $0.failed(isLost: true, at: now) }) != nil else { return }
            logger.error(
                "An event was given up; more that its receiver does not take are only counted",
                metadata: metadata(reason))
        }
    }

    /// Repeats what the outbox fails to do, with waits that grow, because what it knows decides what is sent next:
    /// without it, events would be sent over and over.
    ///
    /// Returns `nil` when the task was cancelled meanwhile.
    private func stored<Success: Sendable>(
        _ what: String, _ operation: @Sendable () async throws -> Success
    ) async -> Success? {
        var failures = 0
        while true {
            do {
                let result = try await operation()
                if failures > 0 { logger.notice("The webhook's outbox works again") }
                return result
            } catch {
                failures += 1
                if Task.isCancelled { return nil }
                if failures == 1 {
                    logger.error(
                        "The webhook's outbox fails; nothing is sent",
                        metadata: ["not": .string(what), "error": "\(error)"])
                }
                let wait = retries.wait(afterFailures: failures, retryAfter: retries.firstWait, random: random())
                guard (try? await sleep(wait)) != nil else { return nil }
            }
        }
    }
}
