package import Core

/// A bounded sample of the messages that a broker carries and no subscription of the gateway takes.
///
///     message ──▶ rate limit ──▶ taken by a subscription? ──▶ topic: counts, latest payload
///
/// A value type without I/O. Topics come from strangers, so their number, their memory and the messages examined per
/// second are limited. At a limit, the half of the topics that was heard from least recently is forgotten.
package struct TopicSampler: Sendable {
    package struct Limits: Hashable, Sendable {
        package var maxTopics = 20_000
        /// The length above which a topic is only counted.
        package var maxTopicBytes = 1024
        /// The number of levels above which a topic is only counted. The cost of folding grows with its square.
        package var maxTopicLevels = 16
        /// The approximate memory of all topics and payloads.
        package var maxBytes = 24 << 20
        /// The beginning of a payload that is kept while less than half of ``maxBytes`` is in use.
        package var payloadBytes = 8192
        /// The beginning of a payload that is kept while more than half of ``maxBytes`` is in use.
        package var crowdedPayloadBytes = 512
        package var messagesPerSecond = 1000
        /// The number of messages examined at once, such as the retained ones that follow a subscription.
        package var burst = 20_000

        package init() {}
    }

    /// A topic and what was received on it.
    package struct Topic: Sendable {
        package let name: String
        /// The number of messages, except retained ones.
        package var liveCount = 0
        /// The number of messages from the broker's retained store.
        package var retainedCount = 0
        package let firstAt: Timestamp
        package var lastAt: Timestamp
        /// The beginning of the latest payload.
        package var payload: [UInt8] = []
        /// The length of the latest payload.
        package var payloadByteCount = 0
        /// True when the latest message came from the retained store.
        package var isRetained = false

        /// True when ``payload`` is the whole payload.
        package var isWhole: Bool { payload.count == payloadByteCount }

        /// An estimate of the memory that the topic occupies.
        fileprivate var byteCount: Int { 256 + 2 * name.utf8.count + payload.count }
    }

    /// Totals of messages since the sample began.
    package struct Counts: Hashable, Sendable {
        /// Messages that a subscription of the gateway takes.
        package var taken = 0
        /// Messages beyond the rate limit.
        package var unexamined = 0
        /// Messages whose topic is too long or not valid.
        package var unusable = 0
        /// Topics that were forgotten to keep within the limits.
        package var forgottenTopics = 0
    }

    package let limits: Limits
    package private(set) var counts = Counts()
    private var taken: [TopicFilter]
    private var budget: TokenBucket
    private var byTopic: [ExactString: Topic] = [:]
    private var byteCount = 0

    /// Creates an empty sample.
    ///
    /// - Parameter taken: The filters of the topics to leave out. Shared groups are ignored.
    package init(excluding taken: [TopicFilter], limits: Limits = Limits(), at time: Timestamp) {
        self.taken = taken
        self.limits = limits
        budget = TokenBucket(burst: limits.burst, at: time.nanosecondsSinceEpoch)
    }

    package var topicCount: Int { byTopic.count }

    /// All topics, in no particular order.
    package var topics: [Topic] { Array(byTopic.values) }

    /// Adds a message, unless a limit forbids it or a subscription takes it.
    ///
    /// - Returns: False when the rate limit is reached. The caller may then stop listening for a while.
    @discardableResult
    package mutating func add(topic: String, payload: [UInt8], isRetained: Bool, at time: Timestamp) -> Bool {
        guard
            budget.take(
                perSecond: limits.messagesPerSecond, burst: limits.burst, at: time.nanosecondsSinceEpoch)
        else {
            counts.unexamined += 1
            return false
        }
        guard !taken.contains(where: { $0.matches(topic) }) else {
            counts.taken += 1
            return true
        }
        let levelCount = 1 + topic.utf8.count { $0 == UInt8(ascii: "/") }
        guard topic.utf8.count <= limits.maxTopicBytes, levelCount <= limits.maxTopicLevels,
            (try? TopicName(topic)) != nil
        else {
            counts.unusable += 1
            return true
        }
        let key = ExactString(topic)
        var entry = byTopic[key] ?? Topic(name: topic, firstAt: time, lastAt: time)
        byteCount -= byTopic[key]?.byteCount ?? 0
        if isRetained { entry.retainedCount += 1 } else { entry.liveCount += 1 }
        let isCrowded = byteCount > limits.maxBytes / 2
        entry.payload = Array(payload.prefix(isCrowded ? limits.crowdedPayloadBytes : limits.payloadBytes))
        entry.payloadByteCount = payload.count
        entry.isRetained = isRetained
        entry.lastAt = time
        byteCount += entry.byteCount
        byTopic[key] = entry
        if byTopic.count > limits.maxTopics || byteCount > limits.maxBytes { forgetHalf() }
        return true
    }

    /// Replaces the filters of the topics to leave out, and forgets the topics that they match.
    package mutating func exclude(_ taken: [TopicFilter]) {
        self.taken = taken
        byTopic = byTopic.filter { entry in !taken.contains { $0.matches(entry.value.name) } }
        byteCount = byTopic.values.reduce(0) { $0 + $1.byteCount }
    }

    private mutating func forgetHalf() {
        let sorted = byTopic.values.sorted { $0.lastAt > $1.lastAt }
        let kept = sorted.prefix(sorted.count / 2)
        counts.forgottenTopics += sorted.count - kept.count
        byTopic = Dictionary(uniqueKeysWithValues: kept.map { (ExactString($0.name), $0) })
        byteCount = kept.reduce(0) { $0 + $1.byteCount }
    }
}
