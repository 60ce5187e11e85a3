package import Telemetry

/// The events that a receiver is still to be told, in order, kept where a restart finds them.
///
/// Each receiver has an outbox of its own. Events are put there by whoever makes them, in the transaction that makes
/// them true; then ``WebhookService/wake()`` says so. The service takes them out one at a time, always the oldest.
///
/// What the outbox is told is stored when the call returns, in a cancelled task too: at a shutdown the last answer may
/// have just come. A call that throws is made again later, so that one that was stored nevertheless must do no harm.
/// How many events may wait is ``WebhookConfiguration/maxWaiting``.
package protocol WebhookOutbox: Sendable {
    /// The oldest event that was neither delivered nor given up, due or not; `nil` when there is none. It stays.
    func next() async throws -> WebhookEntry?

    /// The receiver has the event: it is removed.
    func delivered(_ id: String) async throws

    /// An attempt failed: one failure more, and the next attempt at `dueAt`.
    ///
    /// - Parameter reason: for people; without secrets.
    func retry(_ id: String, at dueAt: Timestamp, reason: String) async throws

    /// The event will not be delivered: it is removed, or kept where nobody sends it.
    ///
    /// - Parameter reason: for people; without secrets.
    func gaveUp(_ id: String, reason: String) async throws
}
