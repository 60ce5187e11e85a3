/// What became of one attempt.
package enum WebhookOutcome: Sendable, Equatable {
    /// The receiver has the event: a 2xx answer.
    case delivered(status: Int)
    /// Nothing is wrong with the event; another attempt may succeed. Whether the receiver has it is not known.
    ///
    /// - Parameter after: the least wait that the receiver asked for.
    case retryable(WebhookFailure, after: Duration?)
    /// Another attempt would come to the same.
    case permanent(WebhookFailure)
    /// The task was cancelled before there was an answer: the attempt does not count.
    case cancelled
}
