import Logging
package import Storage
package import Telemetry

/// The webhook's events in the database, where alerts put them in the transaction that makes them true.
package final class StoredWebhookOutbox: WebhookOutbox {
    private let database: Database
    private let writer: RoomWriter

    package init(database: Database, writer: RoomWriter) {
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
            RoomWriter.Effect(try transaction.postponeWebhookEvent(id, until: dueAt))
        }
    }

    package func gaveUp(_ id: String, reason: String) async throws {
        try await remove(id)
    }

    private func remove(_ id: String) async throws {
        try await writer.submit(byteCount: 64) { RoomWriter.Effect(try $0.removeWebhookEvent(id)) }
    }
}
