package import Telemetry

/// An event that waits in an outbox.
package struct WebhookEntry: Sendable, Equatable {
    package let event: WebhookEvent
    /// When the event was put there.
    package let storedAt: Timestamp
    /// Attempts that failed so far.
    package let failures: Int
    /// When the next attempt is due; `nil` before the first, which is due at once.
    package let dueAt: Timestamp?

    package init(event: WebhookEvent, storedAt: Timestamp, failures: Int = 0, dueAt: Timestamp? = nil) {
        self.event = event
        self.storedAt = storedAt
        self.failures = failures
        self.dueAt = dueAt
    }
}
