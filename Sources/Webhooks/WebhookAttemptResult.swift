import Core

/// The result of one attempt to send an event to the receiver.
package enum WebhookAttemptResult: Sendable, Equatable {
    /// The receiver accepted the event with a 2xx response.
    case delivered(status: Int)
    /// A failure unrelated to the event; another attempt may succeed. The receiver may or may not have processed the
    /// event.
    ///
    /// - Parameter after: The minimum wait that the receiver asked for; `nil` if it asked for none.
    case retryable(WebhookFailure, after: Duration?)
    /// A failure that every further attempt would repeat.
    case permanent(WebhookFailure)
    /// The task was cancelled before a response arrived. It does not count as a failed attempt.
    case cancelled
}

/// The reason an attempt failed: a kind for metrics and spans, and a description for operators.
package struct WebhookFailure: Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failures. The raw value is the span's `error.type`, unless there was a response, whose status is
    /// used.
    package enum Kind: String, Sendable, Equatable {
        /// The host name cannot be resolved.
        case notResolved = "name_not_resolved"
        /// The address policy refuses the host's address.
        case addressRefused = "address_refused"
        /// The connection failed or ended without a response, including TLS errors.
        case connection
        case timeout
        /// The response's status is not a success.
        case status
    }

    package let kind: Kind
    /// The response's status, if there was a response.
    package let status: Int?
    /// An explanation for operators. It contains neither secrets nor the URL's path and query.
    package let description: String

    init(_ kind: Kind, status: Int? = nil, _ description: String) {
        self.kind = kind
        self.status = status
        self.description = description
    }
}

/// The parts of a response that decide about another attempt.
struct WebhookResponse {
    let status: Int
    let retryAfter: Duration?

    /// - Parameter retryAfter: The value of the `Retry-After` header: seconds, or a date (RFC 9110, sections 10.2.3 and
    ///   5.6.7). Any other value is ignored.
    init(status: Int, retryAfter: String?, now: Timestamp) {
        self.status = status
        // The retry policy applies its own limit to this.
        self.retryAfter = retryAfter.flatMap { RetryAfter.duration($0, now: now, atMost: .seconds(Int32.max)) }
    }

    /// The outcome of an attempt with this response. Redirects are not followed: they could send a signed request to an
    /// address that nobody configured.
    var outcome: WebhookAttemptResult {
        let failure = WebhookFailure(.status, status: status, "the receiver answered \(status)")
        return switch status {
        case 200..<300: .delivered(status: status)
        case 408, 425, 429, 500..<600: .retryable(failure, after: retryAfter)
        case 300..<400:
            .permanent(
                WebhookFailure(.status, status: status, "the receiver answered \(status); redirects are not followed"))
        default: .permanent(failure)
        }
    }
}
