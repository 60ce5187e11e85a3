import Synchronization
import Telemetry
import Tracing

/// One followed message between the hub and the sockets of all shards, with its span `hub.broadcast` when it is sampled.
///
/// Made by the hub, shared by the shards; thread-safe.
final class Broadcast: Sendable {
    let journey: Journey
    let room: String
    /// The message, for the frames of their own that chosen recipients get; `nil` when it is not sampled.
    let message: Message?
    private let span: (any Span)?
    private let sendsLeft: Atomic<Int>
    private let shardsLeft: Atomic<Int>
    private let recipientCount = Atomic(0)
    private let isClaimed = Atomic(false)

    /// Starts the span when the journey's trace is sampled.
    ///
    /// - Parameter shardCount: how many shards will say ``delivered(to:at:)``; 0 when nobody is connected.
    init(_ message: Message, _ journey: Journey, shardCount: Int, tracing: HubTracing, at now: Timestamp) {
        self.journey = journey
        room = message.room
        sendsLeft = Atomic(tracing.sendsPerMessage)
        shardsLeft = Atomic(shardCount)
        guard let parent = journey.parent, parent.isSampled else {
            span = nil
            self.message = nil
            return
        }
        let span = tracing.tracer.startSpan("hub.broadcast", under: parent, at: now)
        span.updateAttributes { attributes in
            attributes["messaging.system"] = "websocket"
            attributes["messaging.destination.name"] = message.room
            attributes["windsock.message.type"] = message.type.description
        }
        self.span = span
        self.message = message
    }

    deinit {
        // Where a shard never came to it: the gateway shuts down.
        end(at: nil)
    }

    /// The span that the shared frame names; `nil` when the message is not sampled.
    var context: TraceContext? { span?.traceContext }

    /// True for the first who asks.
    func claim() -> Bool { !isClaimed.exchange(true, ordering: .relaxed) }

    /// Whether one more recipient gets a span of its own.
    func takesSend(within tracing: HubTracing, at now: Timestamp) -> Bool {
        guard sendsLeft.load(ordering: .relaxed) > 0 else { return false }
        guard tracing.takeSend(at: now) else {
            // Of hundreds of recipients only the first is to ask a budget that is used up.
            sendsLeft.store(0, ordering: .relaxed)
            return false
        }
        return sendsLeft.wrappingSubtract(1, ordering: .relaxed).oldValue > 0
    }

    /// A shard has done its part; the last one ends the span.
    func delivered(to count: Int, at now: Timestamp) {
        recipientCount.wrappingAdd(count, ordering: .relaxed)
        if shardsLeft.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue <= 0 { end(at: now) }
    }

    /// Ends the span now: nobody is connected.
    func end(at now: Timestamp?) {
        guard let span, span.isRecording else { return }
        span.updateAttributes { $0["recipients.count"] = recipientCount.load(ordering: .relaxed) }
        if let now { span.end(at: now) } else { span.end() }
    }
}
