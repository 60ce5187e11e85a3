package import Telemetry

/// What a service says to a room: the envelope's parts before they become a frame.
///
/// The payload is JSON that the service has already written, so that the hub fans out bytes and knows nothing of
/// sensors or chat.
package struct Message: Sendable {
    /// The envelope's `type`.
    package var type: MessageType
    /// The concrete room that the message is for, never a filter.
    package var room: String
    /// A complete JSON object, compact.
    package var payload: [UInt8]
    /// When the gateway made the message.
    package var timestamp: Timestamp
    /// What may happen to the message when a client cannot keep up.
    package var delivery: DeliveryPolicy
    /// The `id` of the command that this message answers.
    package var replyTo: String?
    /// The position in the room's history, from 1; `nil` for what is not in it.
    package var offset: Int64?
    /// The span that the envelope names in `trace_id`, `span_id` and `traceparent`.
    package var trace: TraceContext?
    /// Where the message comes from, if it is to be followed through the hub.
    package var journey: Journey?

    package init(
        type: MessageType,
        room: String = "",
        payload: [UInt8],
        timestamp: Timestamp,
        delivery: DeliveryPolicy = .reliable,
        replyTo: String? = nil,
        offset: Int64? = nil
    ) {
        self.type = type
        self.room = room
        self.payload = payload
        self.timestamp = timestamp
        self.delivery = delivery
        self.replyTo = replyTo
        self.offset = offset
    }
}
