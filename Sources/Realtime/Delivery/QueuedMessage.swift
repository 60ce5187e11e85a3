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

    package init(room: String, frame: ByteBuffer, delivery: DeliveryPolicy, offset: Int64 = 0) {
        self.room = room
        self.frame = frame
        self.delivery = delivery
        self.offset = offset
    }
}
