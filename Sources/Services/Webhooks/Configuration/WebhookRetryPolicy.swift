/// How often and for how long an event is tried.
package struct WebhookRetryPolicy: Sendable, Equatable {
    /// The longest wait after the first failure; it doubles with every further one.
    package var firstWait: Duration
    /// The longest wait that doubling comes to.
    package var longestWait: Duration
    /// The longest wait that a receiver may ask for with `Retry-After`; a longer one is cut to this.
    package var longestRetryAfter: Duration
    /// After so many attempts an event is given up.
    package var maxAttempts: Int
    /// An event that is so old when an attempt fails is given up. It is always tried once.
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

    /// The wait before the next attempt: evenly spread from zero to a ceiling that doubles ("full jitter"), so that
    /// gateways that failed together do not come back together; never before the receiver's own time.
    ///
    /// - Parameters:
    ///   - failures: attempts that failed so far, 1 or more.
    ///   - retryAfter: what the receiver asked for.
    ///   - random: any 64 bits.
    func wait(afterFailures failures: Int, retryAfter: Duration?, random: UInt64) -> Duration {
        var ceiling = firstWait
        var doublings = failures - 1
        while doublings > 0, ceiling < longestWait {
            ceiling *= 2
            doublings -= 1
        }
        ceiling = min(ceiling, longestWait)
        let wait = ceiling * (Double(random >> 11) * 0x1p-53)
        return max(wait, min(retryAfter ?? .zero, longestRetryAfter))
    }

    /// The longest wait that can come of ``wait(afterFailures:retryAfter:random:)``.
    var longestPossibleWait: Duration { max(longestWait, longestRetryAfter) }

    func validate() throws(WebhookConfigurationError) {
        let day = Duration.seconds(86_400)
        try check("first wait", firstWait, .milliseconds(1)...day, "1 ms to 24 h")
        try check("longest wait", longestWait, firstWait...day, "the first wait to 24 h")
        try check("longest Retry-After", longestRetryAfter, .zero...day, "0 to 24 h")
        try check("age", maxAge, .zero...(day * 30), "0 to 30 days")
        guard (1...100_000).contains(maxAttempts) else {
            throw .outOfRange(setting: "attempts", value: "\(maxAttempts)", allowed: "1 to 100000")
        }
    }

    private func check(
        _ setting: String, _ value: Duration, _ range: ClosedRange<Duration>, _ allowed: String
    ) throws(WebhookConfigurationError) {
        guard range.contains(value) else { throw .outOfRange(setting: setting, value: "\(value)", allowed: allowed) }
    }
}
