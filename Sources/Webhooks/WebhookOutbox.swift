package import Core

/// A persistent FIFO queue of the events for one receiver.
///
/// The code that raises an event adds it in the transaction that stores its cause, such as an alert, then calls
/// ``WebhookService/wake()``. The service processes the events one at a time, always the oldest.
///
/// Updates are durable when the call returns, even in a cancelled task, because the last response may arrive just
/// before a shutdown. A call that throws is repeated later, although it may have taken effect, so every call must be
/// idempotent. The code that adds events also limits their number.
package protocol WebhookOutbox: Sendable {
    /// Returns the oldest waiting event, due or not, without removing it; `nil` when there is none.
    func next() async throws -> WebhookEntry?

    /// Removes an event that the receiver has accepted.
    func delivered(_ id: String) async throws

    /// Records a failed attempt: increments the failure count and schedules the next attempt for `dueAt`.
    ///
    /// - Parameter reason: The reason for operators, without secrets.
    func retry(_ id: String, at dueAt: Timestamp, reason: String) async throws

    /// Removes an event from the queue because it will not be delivered. An outbox may keep it elsewhere, where it is
    /// never sent.
    ///
    /// - Parameter reason: The reason for operators, without secrets.
    func gaveUp(_ id: String, reason: String) async throws
}

/// An event waiting in an outbox.
package struct WebhookEntry: Sendable, Equatable {
    package let event: WebhookEvent
    /// The time at which the event was added.
    package let storedAt: Timestamp
    /// The number of failed attempts so far.
    package let failures: Int
    /// The time of the next attempt; `nil` before the first one, which is due at once.
    package let dueAt: Timestamp?

    package init(event: WebhookEvent, storedAt: Timestamp, failures: Int = 0, dueAt: Timestamp? = nil) {
        self.event = event
        self.storedAt = storedAt
        self.failures = failures
        self.dueAt = dueAt
    }
}

/// A JSON document for a receiver, with an ID that stays the same in every attempt.
package struct WebhookEvent: Sendable, Equatable {
    /// The ID by which receivers recognize duplicates: letters, digits, `-` and `_` (``IDGenerator``).
    package let id: String
    /// JSON in UTF-8. Sent and signed byte for byte.
    package let body: [UInt8]
    /// The span that raised the event; `nil` if it was not traced.
    package let trace: TraceContext?

    package init(id: String, body: [UInt8], trace: TraceContext? = nil) {
        self.id = id
        self.body = body
        self.trace = trace
    }
}
