import Core

/// The limits on an event's attempts, and the waits between them.
package struct WebhookRetryPolicy: Sendable, Equatable {
    /// The longest wait after the first failure. This limit doubles with every further failure.
    package var firstWait: Duration
    /// The upper limit of the doubled ``firstWait``.
    package var longestWait: Duration
    /// The limit on waits that the receiver asks for with `Retry-After`. Longer waits are shortened to it.
    package var longestRetryAfter: Duration
    /// The number of attempts after which an event is given up.
    package var maxAttempts: Int
    /// The age at which an event is given up when an attempt fails. Every event is tried at least once.
    package var maxAge: Duration

    package init(
        firstWait: Duration = .seconds(1),
        longestWait: Duration = .seconds(300),
        longestRetryAfter: Duration = .seconds(3600),
        maxAttempts: Int = 1000,
        maxAge: Duration = .seconds(86_400)
    ) {
        self.firstWait = firstWait
        self.longestWait = longestWait
        self.longestRetryAfter = longestRetryAfter
        self.maxAttempts = maxAttempts
        self.maxAge = maxAge
    }

    /// Returns the wait before the next attempt: a random time between zero and a limit that doubles with every failure
    /// ("full jitter"), so that gateways that failed together do not retry together. The wait is never shorter than the
    /// receiver asked for, up to ``longestRetryAfter``.
    ///
    /// - Parameters:
    ///   - failures: The number of failed attempts so far, 1 or more.
    ///   - retryAfter: The wait that the receiver asked for.
    ///   - random: 64 random bits.
    func wait(afterFailures failures: Int, retryAfter: Duration?, random: UInt64) -> Duration {
        let wait = ExponentialBackoff(base: firstWait, cap: longestWait).wait(afterFailures: failures, random: random)
        return max(wait, min(retryAfter ?? .zero, longestRetryAfter))
    }

    /// The longest wait that ``wait(afterFailures:retryAfter:random:)`` can return.
    var longestPossibleWait: Duration { max(longestWait, longestRetryAfter) }

    func validate() throws(WebhookError) {
        let day = Duration.seconds(86_400)
        try check("first wait", firstWait, .milliseconds(1)...day, "1 ms to 24 h")
        try check("longest wait", longestWait, firstWait...day, "the first wait to 24 h")
        try check("longest Retry-After", longestRetryAfter, .zero...day, "0 to 24 h")
        try check("maximum age", maxAge, .zero...(day * 30), "0 to 30 days")
        guard (1...100_000).contains(maxAttempts) else {
            throw .outOfRange(setting: "maximum number of attempts", value: "\(maxAttempts)", allowed: "1 to 100000")
        }
    }

    private func check(
        _ setting: String, _ value: Duration, _ range: ClosedRange<Duration>, _ allowed: String
    ) throws(WebhookError) {
        guard range.contains(value) else { throw .outOfRange(setting: setting, value: "\(value)", allowed: allowed) }
    }
}

/// The fate of an event after an attempt, as stored in the outbox.
enum WebhookDisposition: Equatable {
    case delivered
    case retry(at: Timestamp, reason: String)
    case gaveUp(reason: String)

    /// Derives the disposition from the result of an attempt; `nil` if the attempt was cancelled.
    ///
    /// - Parameters:
    ///   - entry: The entry before the attempt.
    ///   - now: The time after the attempt.
    ///   - random: 64 random bits.
    init?(
        _ outcome: WebhookAttemptResult, for entry: WebhookEntry, retries: WebhookRetryPolicy, at now: Timestamp,
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
