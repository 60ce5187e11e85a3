package import Telemetry

/// Something that a receiver is to be told: a JSON document under an identifier that never changes, however often it is
/// sent.
package struct WebhookEvent: Sendable, Equatable {
    /// What receivers recognise repetitions by: letters, digits, `-` and `_` (``IDGenerator``).
    package let id: String
    /// JSON in UTF-8; sent and signed exactly as it is.
    package let body: [UInt8]
    /// The span that the event came out of.
    package let trace: TraceContext?

    package init(id: String, body: [UInt8], trace: TraceContext? = nil) {
        self.id = id
        self.body = body
        self.trace = trace
    }
}
