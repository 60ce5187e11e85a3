/// When a reading passed the stages on its way: carried by every reading, so that one that proves slow can be shown
/// although its trace was not sampled.
package struct StageTimes: Sendable, Hashable {
    /// When the device sent it, by the gateway's clock; `nil` when it did not say.
    package var sentAt: Timestamp?
    /// When the gateway read the message from the broker.
    package var receivedAt: Timestamp
    /// When its decoding began.
    package var decodeStartedAt: Timestamp
    package var decodedAt: Timestamp
    /// When its transaction began; `nil` before, and for what is not stored.
    package var commitStartedAt: Timestamp?
    /// When its transaction was committed.
    package var committedAt: Timestamp?
    /// When it was handed to the hub.
    package var publishedAt: Timestamp

    package init(
        sentAt: Timestamp? = nil, receivedAt: Timestamp, decodeStartedAt: Timestamp, decodedAt: Timestamp,
        publishedAt: Timestamp
    ) {
        self.sentAt = sentAt
        self.receivedAt = receivedAt
        self.decodeStartedAt = decodeStartedAt
        self.decodedAt = decodedAt
        self.publishedAt = publishedAt
    }
}
