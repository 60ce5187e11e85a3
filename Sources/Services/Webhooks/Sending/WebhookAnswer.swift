import OTLP
import Telemetry

/// What an answer's status and headers say about another attempt.
struct WebhookAnswer {
    let status: Int
    let retryAfter: Duration?

    /// - Parameter retryAfter: the header's text: seconds, or a date (RFC 9110, sections 10.2.3 and 5.6.7). What is
    ///   neither counts as absent.
    init(status: Int, retryAfter: String?, now: Timestamp) {
        self.status = status
        // How much of it is granted the service decides.
        self.retryAfter = retryAfter.flatMap { RetryAfter.duration($0, now: now, atMost: .seconds(Int32.max)) }
    }

    /// Redirects are not followed: they would lead to an address that nobody configured, with a signature for it.
    var outcome: WebhookOutcome {
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
