/// Makes one attempt at bringing an event to a receiver.
package protocol WebhookSending: Sendable {
    /// Returns when it is known what became of it, at the latest after the configured timeout, and promptly when the
    /// task is cancelled.
    ///
    /// - Parameter attempt: 1 for the first, for the trace.
    func send(_ event: WebhookEvent, attempt: Int) async -> WebhookOutcome
}
