/// One message's payload, without its topic.
package struct EncodedPayload: Sendable, Hashable {
    /// The metric that the topic names; `nil` when the payload holds the whole sample.
    package var metric: String?
    package var bytes: [UInt8]
}
