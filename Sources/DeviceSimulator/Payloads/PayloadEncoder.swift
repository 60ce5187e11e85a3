/// Writes samples as one payload convention has them: the counterpart of Telemetry's decoder of that name.
package protocol PayloadEncoder: Sendable {
    /// The payloads of a sample: one for all its metrics, or one for each, in their order.
    func encode(_ sample: Sample) -> [EncodedPayload]
}
