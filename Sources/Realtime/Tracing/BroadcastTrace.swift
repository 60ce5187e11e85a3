import Core
import Synchronization
import Tracing

/// The trace of one message from the hub to the sockets of all shards, with a span `hub.broadcast` if it is sampled.
///
/// Created by the hub and shared by the shards. Thread-safe.
final class BroadcastTrace: Sendable {
    let messageTrace: MessageTrace
    let room: String
    /// The message, needed to encode individual frames for sampled recipients; `nil` if it is not sampled.
    let message: Message?
    private let span: (any Span)?
    private let sendsLeft: Atomic<Int>
    private let shardsLeft: Atomic<Int>
    private let recipientCount = Atomic(0)
    private let isClaimed = Atomic(false)

    /// Starts the span if the message's trace is sampled.
    ///
    /// - Parameter shardCount: The number of shards that will call ``delivered(to:at:)``; 0 when nobody is connected.
    init(_ message: Message, _ messageTrace: MessageTrace, shardCount: Int, tracing: HubTracing, at now: Timestamp) {
        self.messageTrace = messageTrace
        room = message.room
        sendsLeft = Atomic(tracing.sendsPerMessage)
        shardsLeft = Atomic(shardCount)
        guard let parent = messageTrace.parent, parent.isSampled else {
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
        // Not every shard delivered the message: the gateway is shutting down.
        end(at: nil)
    }

    /// The span that the shared frame names; `nil` if the message is not sampled.
    var context: TraceContext? { span?.traceContext }

    /// Returns true for the first caller only. Thread-safe, so that one shard can claim work to be done once per
    /// message.
    func claim() -> Bool { !isClaimed.exchange(true, ordering: .relaxed) }

    /// Returns true if one more recipient may get a span of its own, and counts that span towards the limits.
    func allowsSend(within tracing: HubTracing, at now: Timestamp) -> Bool {
        guard sendsLeft.load(ordering: .relaxed) > 0 else { return false }
        guard tracing.takeSend(at: now) else {
            // Once the budget is exhausted, the remaining recipients need not ask it again.
            sendsLeft.store(0, ordering: .relaxed)
            return false
        }
        return sendsLeft.wrappingSubtract(1, ordering: .relaxed).oldValue > 0
    }

    /// Adds one shard's recipients. The last shard ends the span.
    func delivered(to count: Int, at now: Timestamp) {
        recipientCount.wrappingAdd(count, ordering: .relaxed)
        if shardsLeft.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue <= 0 { end(at: now) }
    }

    /// Ends the span at `now` or, if that is `nil`, at the current time. Has no effect if there is no span or it has
    /// ended.
    func end(at now: Timestamp?) {
        guard let span, span.isRecording else { return }
        span.updateAttributes { $0["recipients.count"] = recipientCount.load(ordering: .relaxed) }
        if let now { span.end(at: now) } else { span.end() }
    }
}

/// The span `websocket.send` of one delivery, from the moment the hub selects it until the frame is written to the
/// socket.
///
/// It travels with the frame through the client's queue. If the frame is never written, because a later one replaced it
/// or the client left, the span ends with an error.
package final class SendSpan: Sendable {
    private let span: any Span

    init(_ span: any Span) {
        self.span = span
    }

    deinit {
        guard span.isRecording else { return }
        span.setStatus(SpanStatus(code: .error, message: "not sent: the client was too slow or disconnected"))
        span.end()
    }

    /// Ends the span: the frame was written to the socket.
    func written(at now: Timestamp) {
        span.end(at: now)
    }
}
