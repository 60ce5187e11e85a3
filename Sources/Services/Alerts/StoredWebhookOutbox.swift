package import Core
import CoreMetrics
import Logging
import Metrics
package import Storage
package import Webhooks

/// A webhook outbox in the database. ``AlertNotifier`` adds events to it, in the transaction that stores the alert.
package final class StoredWebhookOutbox: WebhookOutbox {
    private let database: Database
    private let writer: DatabaseWriter

    package init(database: Database, writer: DatabaseWriter) {
        self.database = database
        self.writer = writer
    }

    package func next() async throws -> WebhookEntry? {
        guard let stored = try await database.read({ try $0.nextWebhookEvent() }) else { return nil }
        let trace = stored.traceparent.flatMap { TraceContext(traceparent: $0) }
        return WebhookEntry(
            event: WebhookEvent(id: stored.eventID, body: stored.body, trace: trace), storedAt: stored.createdAt,
            failures: stored.attempts, dueAt: stored.attempts == 0 ? nil : stored.dueAt)
    }

    package func delivered(_ id: String) async throws {
        try await remove(id)
    }

    package func retry(_ id: String, at dueAt: Timestamp, reason: String) async throws {
        try await writer.submit(byteCount: 64) { transaction in
            DatabaseWriter.Effect(try transaction.postponeWebhookEvent(id, until: dueAt))
        }
    }

    package func gaveUp(_ id: String, reason: String) async throws {
        try await remove(id)
    }

    private func remove(_ id: String) async throws {
        try await writer.submit(byteCount: 64) { DatabaseWriter.Effect(try $0.removeWebhookEvent(id)) }
    }
}

/// A counter of events that are dropped because the webhook's outbox is full. It also logs them at a limited rate.
final class WebhookOverflow: Sendable {
    private let counter: Counter
    private let log: RateLimitedLogger

    init(factory: any MetricsFactory, logger: Logger) {
        counter = Counter(label: "windsock_webhook_dropped_events", dimensions: [], factory: factory)
        log = RateLimitedLogger(logger)
    }

    /// Records that an event of an alert of `rule` was dropped.
    func note(rule: String, at now: Timestamp) {
        counter.increment()
        log.warning("The webhook queue is full; events were dropped", metadata: ["rule": "\(rule)"], at: now)
    }
}
