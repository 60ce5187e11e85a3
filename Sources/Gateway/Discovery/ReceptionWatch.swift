import Core
import Logging
import MQTTTransport

/// The state machine of a connection that receives nothing: it notices a silence of ``limit``, and whether the
/// connection has ever received a message.
///
/// Only a connection without any message is worth a line in the log. Devices that publish every few minutes are also
/// silent in between.
struct Reception {
    static let limit = Duration.seconds(60)

    /// The latest connect or message; `nil` without a connection.
    private var quietSince: ContinuousClock.Instant?
    private var messageCount = 0
    private var hasReceived = false
    private var isNoted = false

    /// Takes the state of the connection and the total number of messages.
    ///
    /// - Returns: True once per connection that has received nothing for ``limit``.
    mutating func observe(isConnected: Bool, messageCount: Int, at now: ContinuousClock.Instant) -> Bool {
        let isNewMessage = messageCount != self.messageCount
        self.messageCount = messageCount
        guard isConnected else {
            self = Reception()
            self.messageCount = messageCount
            return false
        }
        if isNewMessage { hasReceived = true }
        if isNewMessage || quietSince == nil { quietSince = now }
        guard !hasReceived, !isNoted, silence(at: now) != nil else { return false }
        isNoted = true
        return true
    }

    /// Returns the time without messages while connected; `nil` below ``limit``.
    func silence(at now: ContinuousClock.Instant) -> Duration? {
        guard let quietSince, now - quietSince >= Self.limit else { return nil }
        return now - quietSince
    }
}

/// Reports in the log and in `/readyz` that the gateway is connected but receives nothing. Thread-safe.
final class ReceptionWatch: Sendable {
    private let client: MQTTClient
    let discovery: TopicDiscovery?
    private let reception = Lock(Reception())
    private let logger: Logger

    init(client: MQTTClient, discovery: TopicDiscovery?, logger: Logger) {
        self.client = client
        self.discovery = discovery
        self.logger = logger
    }

    /// Checks the connection. Call it about once a second.
    func check(at now: ContinuousClock.Instant = .now) {
        let (isConnected, count) = (client.state.isConnected, client.counters.messagesReceived)
        let isNews = reception.withLock { $0.observe(isConnected: isConnected, messageCount: count, at: now) }
        if isNews, let warning = warning(at: now) {
            logger.warning("\(warning)", metadata: ["filters": "\(Self.listed(client.filters))"])
        }
    }

    /// Returns a sentence about the silence with its likely reasons; `nil` while messages arrive.
    func warning(at now: ContinuousClock.Instant = .now) -> String? {
        guard let silence = reception.withLock({ $0.silence(at: now) }) else { return nil }
        let seconds = Int(silence / .seconds(1))
        let refused = client.refusedSubscriptions
        if !refused.isEmpty {
            return "No message for \(seconds) s. \(refused.map(\.description).joined(separator: " "))"
        }
        if let count = discovery?.topicCount, count > 0 {
            return "No message for \(seconds) s. The broker carries \(count) topics that no route takes; "
                + "see the page Topics or run windsock discover."
        }
        return "No message for \(seconds) s. Likely reasons: no device publishes, no topic matches the filters "
            + "(windsock discover shows what the broker carries), or the broker's ACL hides the messages from this user."
    }

    /// The first of many texts, joined.
    static func listed(_ texts: [String]) -> String {
        texts.prefix(20).joined(separator: ", ") + (texts.count > 20 ? " and \(texts.count - 20) more" : "")
    }
}

extension MQTTClient {
    /// The filters that the client subscribes to.
    var filters: [String] { subscriptions.map(\.filter.rawValue) }
}
