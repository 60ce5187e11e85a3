package import Core
package import NIOCore

/// A message to a room, or the answer to one client: the parts of the envelope before they are encoded as a frame.
///
/// The payload is JSON written by the service, so the hub fans out bytes and needs to know nothing about sensors or
/// chat.
package struct Message: Sendable {
    /// The envelope's `type`.
    package var type: MessageType
    /// The name of the room, never a filter; empty for some answers to a single client.
    package var room: String
    /// A complete, compact JSON object.
    package var payload: [UInt8]
    /// The time at which the gateway created the message.
    package var timestamp: Timestamp
    /// The policy for clients that cannot keep up.
    package var delivery: DeliveryPolicy
    /// The `id` of the command that this message answers.
    package var replyTo: String?
    /// The message's offset in the room's history, from 1; `nil` if it is not stored there.
    package var offset: Int64?
    /// The span that the envelope names in `trace_id`, `span_id` and `traceparent`.
    package var trace: TraceContext?
    /// The message's origin and timestamps, if it is traced through the hub.
    package var messageTrace: MessageTrace?

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

/// The envelope's `type`: one of a fixed set of names, written without escaping.
package struct MessageType: Sendable, Hashable, CustomStringConvertible {
    package let name: StaticString

    /// Creates a type whose name needs no JSON escaping.
    package init(_ name: StaticString) {
        self.name = name
    }

    package static let welcome = MessageType("welcome")
    package static let joined = MessageType("joined")
    package static let left = MessageType("left")
    package static let dataUpdate = MessageType("data_update")
    package static let deviceStatus = MessageType("device_status")
    package static let clockSync = MessageType("clock_sync")
    package static let ack = MessageType("ack")
    package static let chatMessage = MessageType("chat_message")
    package static let directMessage = MessageType("direct_message")
    package static let notification = MessageType("notification")
    package static let notificationRead = MessageType("notification_read")
    package static let alert = MessageType("alert")
    package static let presence = MessageType("presence")
    package static let gap = MessageType("gap")
    package static let error = MessageType("error")

    /// The types stored in rooms' histories.
    private static let stored = [chatMessage, directMessage, notification, notificationRead, alert]

    /// Returns the type with that name, or `nil` if messages of this type are not stored in rooms' histories.
    package init?(storedName name: String) {
        guard let type = Self.stored.first(where: { $0.description == name }) else { return nil }
        self = type
    }

    package var description: String { name.description }

    package static func == (lhs: MessageType, rhs: MessageType) -> Bool { lhs.description == rhs.description }

    package func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

/// The policy for a message when a client reads more slowly than its rooms send.
package enum DeliveryPolicy: Sendable, Hashable {
    /// Never dropped. A client whose queue overflows is closed and recovers by reconnecting.
    case reliable
    /// Only the latest message with an equal key matters. Above the queue's limit older ones are dropped, and a `gap`
    /// tells the client how many.
    case conflatable(key: ConflationKey)
}

/// The identity of a series of messages of which only the latest matters: readings of one device with the same metric
/// names, or changes of one user's presence in a room.
package struct ConflationKey: Sendable, Hashable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// An encoder that turns a message into the bytes written to sockets, once for all recipients.
///
/// It is a protocol because the format of frames belongs to the WebSocket server, on which Realtime does not depend.
package protocol MessageEncoder: Sendable {
    /// Returns the whole frame, header included, ready to be written to any number of clients.
    func encode(_ message: Message) -> ByteBuffer
}

/// An encoded message on its way to clients: the frame shared by all recipients, and the metadata that queues need.
package struct QueuedMessage: Sendable {
    /// The room it was published to; empty for an answer to one client.
    package var room: String
    /// The whole frame. All recipients share its storage.
    package var frame: ByteBuffer
    package var delivery: DeliveryPolicy
    /// The message's offset in the room's history; 0 if it has none.
    package var offset: Int64
    /// The trace of the message; `nil` if it is not traced.
    var broadcast: BroadcastTrace?
    /// The span of this delivery. Set on a frame made for one client only.
    var send: SendSpan?

    package init(room: String, frame: ByteBuffer, delivery: DeliveryPolicy, offset: Int64 = 0) {
        self.room = room
        self.frame = frame
        self.delivery = delivery
        self.offset = offset
    }
}
