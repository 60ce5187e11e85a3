/// One receiver of events, and how they are brought to it.
package struct WebhookConfiguration: Sendable, Equatable {
    package let url: WebhookURL
    /// Signs requests; without one they are not signed, and receivers cannot tell them from anybody's.
    package let secret: WebhookSecret?
    /// Whether the receiver may be in a private network or on this machine (``AddressPolicy``).
    package let allowsPrivateAddresses: Bool
    /// For one attempt: looking up the name, connecting, sending and the answer.
    package let timeout: Duration
    package let retries: WebhookRetryPolicy
    /// The most events that wait in the outbox; whoever stores them keeps to it, and says what is not sent.
    package let maxWaiting: Int

    /// - Parameters:
    ///   - url: `http` or `https`, without user and fragment, at most 2,048 bytes.
    ///   - secret: at least 16 bytes.
    ///   - timeout: 100 ms to 5 min.
    ///   - maxWaiting: 1 to 1,000,000.
    /// - Throws: ``WebhookConfigurationError``, which names the setting and what is allowed.
    package init(
        url: String,
        secret: String? = nil,
        allowsPrivateAddresses: Bool = false,
        timeout: Duration = .seconds(10),
        retries: WebhookRetryPolicy = .init(),
        maxWaiting: Int = 10_000
    ) throws(WebhookConfigurationError) {
        self.url = try WebhookURL(url)
        self.secret = if let secret { try WebhookSecret(secret) } else { nil }
        guard (.milliseconds(100) ... .seconds(300)).contains(timeout) else {
            throw .outOfRange(setting: "timeout", value: "\(timeout)", allowed: "100 ms to 5 min")
        }
        guard (1...1_000_000).contains(maxWaiting) else {
            throw .outOfRange(setting: "number of waiting events", value: "\(maxWaiting)", allowed: "1 to 1000000")
        }
        try retries.validate()
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.timeout = timeout
        self.retries = retries
        self.maxWaiting = maxWaiting
    }
}
