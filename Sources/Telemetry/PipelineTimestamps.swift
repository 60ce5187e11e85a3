package import Core

/// The times at which a reading passed the stages of the pipeline.
///
///     sentAt ▶ receivedAt ▶ decodeStartedAt ▶ decodedAt ▶ commitStartedAt ▶ committedAt ▶ publishedAt
///
/// They are recorded for every reading, so that a slow one can be traced afterwards even if its trace was not sampled.
package struct PipelineTimestamps: Sendable, Hashable {
    /// When the device sent the message, by the gateway's clock; `nil` if the device gave no time.
    package var sentAt: Timestamp?
    /// When the gateway read the message from the broker.
    package var receivedAt: Timestamp
    /// When decoding started.
    package var decodeStartedAt: Timestamp
    package var decodedAt: Timestamp
    /// When the transaction started; `nil` before that, and for readings that are not stored.
    package var commitStartedAt: Timestamp?
    /// When the transaction was committed; `nil` before that, and for readings that are not stored.
    package var committedAt: Timestamp?
    /// When the reading was handed to the hub.
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
