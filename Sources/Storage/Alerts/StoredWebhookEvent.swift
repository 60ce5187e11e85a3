package import Core
import Foundation
import GRDB

/// An event waiting for delivery to a webhook.
package struct StoredWebhookEvent: Sendable, Equatable {
    /// The position in the order of delivery.
    package var number: Int64
    /// An id by which the receiver recognises duplicates.
    package var eventID: String
    /// A complete JSON object.
    package var body: [UInt8]
    /// W3C `traceparent` of the span that led to the event.
    package var traceparent: String?
    /// The number of failed attempts.
    package var attempts: Int
    /// The earliest time of the next attempt.
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
    /// Adds an event. Returns false when `maxWaiting` events are already waiting.
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

    /// Counts a failed attempt and postpones the next one.
    package func postponeWebhookEvent(_ eventID: String, until due: Timestamp) throws {
        try run(
            "UPDATE webhook_event SET attempts = attempts + 1, due_at = ? WHERE event_id = ?",
            [due.nanosecondsSinceEpoch, eventID])
    }

    /// Deletes an event that was delivered or given up.
    package func removeWebhookEvent(_ eventID: String) throws {
        try run("DELETE FROM webhook_event WHERE event_id = ?", [eventID])
    }

    /// Deletes all waiting events, because no webhook is configured any more.
    package func removeWebhookEvents() throws {
        try run("DELETE FROM webhook_event")
    }
}

extension StorageSnapshot {
    /// Returns the first event in the order of delivery, whether it is due yet or not.
    package func nextWebhookEvent() throws -> StoredWebhookEvent? {
        try row(
            """
            SELECT number, event_id, body, traceparent, attempts, due_at, created_at FROM webhook_event
            ORDER BY number LIMIT 1
            """
        ).map(StoredWebhookEvent.init)
    }
}
