import Telemetry

/// What is to be stored about an event after an attempt.
enum WebhookVerdict: Equatable {
    case delivered
    case retry(at: Timestamp, reason: String)
    case gaveUp(reason: String)

    /// `nil` for an attempt that does not count.
    ///
    /// - Parameters:
    ///   - entry: as it was before the attempt.
    ///   - now: after the attempt.
    ///   - random: any 64 bits.
    init?(
        _ outcome: WebhookOutcome, for entry: WebhookEntry, retries: WebhookRetryPolicy, at now: Timestamp,
        random: UInt64
    ) {
        switch outcome {
        case .cancelled: return nil
        case .delivered: self = .delivered
        case .permanent(let failure): self = .gaveUp(reason: failure.description)
        case .retryable(let failure, let retryAfter):
            let failures = entry.failures + 1
            if failures >= retries.maxAttempts || now.since(entry.storedAt) >= retries.maxAge {
                let count = failures == 1 ? "1 attempt" : "\(failures) attempts"
                self = .gaveUp(reason: "given up after \(count): \(failure.description)")
            } else {
                let wait = retries.wait(afterFailures: failures, retryAfter: retryAfter, random: random)
                self = .retry(at: now.advanced(by: wait), reason: failure.description)
            }
        }
    }
}
