package import Core
package import Telemetry

/// An observer of the delivery of messages that have a ``MessageTrace``.
package protocol DeliveryObserver: Sendable {
    /// Receives the traced messages that a shard has just handed to its sockets. Called on the shard's loop after each
    /// delivery that includes such messages; must be fast and never block.
    func delivered(_ deliveries: [DeliveryReport], at time: Timestamp)
    /// Receives the span `websocket.send` of a frame made for one of the user's clients. Called on the shard's loop
    /// before the frame is sent.
    func sending(_ span: TraceContext, to user: UserID)
}

extension DeliveryObserver {
    package func sending(_ span: TraceContext, to user: UserID) {}
}

/// A report that one shard has delivered one message.
package struct DeliveryReport: Sendable {
    private let broadcast: BroadcastTrace
    package var messageTrace: MessageTrace { broadcast.messageTrace }
    package var room: String { broadcast.room }
    /// The number of recipients on this shard; never 0.
    package let recipientCount: Int
    /// True when the hub created spans for the message.
    package var isTraced: Bool { broadcast.context != nil }

    init(_ broadcast: BroadcastTrace, recipientCount: Int) {
        self.broadcast = broadcast
        self.recipientCount = recipientCount
    }

    /// Returns true once per message, for work to be done once although each shard reports the message.
    package func claim() -> Bool { broadcast.claim() }
}

/// The origin and timestamps of a message that is traced through the hub to the sockets.
package struct MessageTrace: Sendable {
    /// The device or user that sent the message.
    package var subject: String
    /// The parent of the hub's spans. If it is `nil` or not sampled, the hub creates none.
    package var parent: TraceContext?
    /// The trace context sent by the device, sampled or not. A trace created later links to it.
    package var origin: TraceContext?
    /// The times at which a reading passed the stages before the hub; `nil` for other messages.
    package var stages: PipelineTimestamps?

    package init(
        subject: String, parent: TraceContext? = nil, origin: TraceContext? = nil, stages: PipelineTimestamps? = nil
    ) {
        self.subject = subject
        self.parent = parent
        self.origin = origin
        self.stages = stages
    }
}
