package import NIOCore

/// A message on its way to clients: the frame that all of its recipients share, and what a queue must know of it.
package struct QueuedMessage: Sendable {
    /// The room it was published to; empty for answers to one client.
    package var room: String
    /// The whole frame; its storage is shared by all recipients.
    package var frame: ByteBuffer
    package var delivery: DeliveryPolicy
    /// Its position in the room's history; 0 when it has none.
    package var offset: Int64
    /// The way of a message that is followed.
    var broadcast: Broadcast?
    /// Set on a frame that is one client's own, because its delivery is a span.
    var send: SendSpan?

    package init(room: String, frame: ByteBuffer, delivery: DeliveryPolicy, offset: Int64 = 0) {
        self.room = room
        self.frame = frame
        self.delivery = delivery
        self.offset = offset
    }
}
