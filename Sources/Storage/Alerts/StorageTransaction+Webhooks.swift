import Foundation
import GRDB
package import Telemetry

/// An event that waits to be delivered to a webhook.
package struct StoredWebhookEvent: Sendable, Equatable {
    /// The order of the events.
    package var number: Int64
    /// Tells the receiver that it has it already.
    package var eventID: String
    /// A complete JSON object.
    package var body: [UInt8]
    /// W3C `traceparent` of the span behind it.
    package var traceparent: String?
    /// Attempts that failed.
    package var attempts: Int
    /// Before this it is not tried.
    package var dueAt: Timestamp
    package var createdAt: Timestamp

    init(_ row: Row) throws {
        number = try row.value(0)
        eventID = try row.value(1)
        body = try row.withUnsafeData(atIndex: 2) { $0.map(Array.init) ?? [] }
        traceparent = try row.optional(3)
        attempts = try row.value(4)
        dueAt = Timestamp(nanosecondsSinceEpoch: try row.value(5))
        createdAt = Timestamp(nanosecondsSinceEpoch: try row.value(6))
    }
}

extension StorageTransaction {
    /// Adds an event for the webhook; false when `maxWaiting` wait already.
    package func addWebhookEvent(
        id: String, body: [UInt8], traceparent: String?, at now: Timestamp, maxWaiting: Int
    ) throws -> Bool {
        let waiting: Int = try snapshot.row("SELECT count(*) FROM webhook_event")?[0] ?? 0
        guard waiting < maxWaiting else { return false }
        try run(
            """
            INSERT INTO webhook_event (event_id, body, traceparent, due_at, created_at) VALUES (?1, ?2, ?3, ?4, ?4)
            """, [id, Data(body), traceparent, now.nanosecondsSinceEpoch])
        return true
    }

    /// Tries an event again then.
    package func postponeWebhookEvent(_ eventID: String, until due: Timestamp) throws {
        try run(
            "UPDATE webhook_event SET attempts = attempts + 1, due_at = ? WHERE event_id = ?",
            [due.nanosecondsSinceEpoch, eventID])
    }

    /// The event was delivered, or given up.
    package func removeWebhookEvent(_ eventID: String) throws {
        try run("DELETE FROM webhook_event WHERE event_id = ?", [eventID])
    }

    /// Nobody is there any more who would take what waits.
    package func removeWebhookEvents() throws {
        try run("DELETE FROM webhook_event")
    }
}

extension StorageSnapshot {
    /// The event that is to be delivered next, due or not: their order is kept.
    package func nextWebhookEvent() throws -> StoredWebhookEvent? {
        try row(
            """
            SELECT number, event_id, body, traceparent, attempts, due_at, created_at FROM webhook_event
            ORDER BY number LIMIT 1
            """
        ).map(StoredWebhookEvent.init)
    }
}
