import Core
import NIOCore
import Tracing

/// Tracing of deliveries: spans for sampled recipients, and reports to the ``DeliveryObserver``.
extension HubShard {
    /// Fans out a sampled message. Selected recipients get a frame of their own, the others the shared one.
    func fanOutTraced(_ message: QueuedMessage, _ broadcast: BroadcastTrace, to recipients: [HubClient]) {
        guard let tracing else { return }
        let now = clock.now()
        var chosen: [HubClient] = []
        var isChoosing = true
        let index = gather(message)
        for client in recipients {
            if let control = client.control, !admit(message, for: client, control) { continue }
            if isChoosing { isChoosing = broadcast.allowsSend(within: tracing, at: now) }
            if isChoosing {
                chosen.append(client)
            } else {
                advance(client, with: index)
            }
        }
        for client in chosen { add(ownFrame(of: message, broadcast, for: client, tracing, at: now), for: client) }
    }

    /// Returns a copy of the message for one client, with a span of its own. The *sampled* flag in its `traceparent`
    /// asks the client to continue the trace.
    private func ownFrame(
        of message: QueuedMessage, _ broadcast: BroadcastTrace, for client: HubClient, _ tracing: HubTracing,
        at now: Timestamp
    ) -> QueuedMessage {
        guard var named = broadcast.message else { return message }
        let span = tracing.tracer.startSpan(
            "websocket.send", under: broadcast.context, ofKind: .producer, at: now)
        span.updateAttributes { attributes in
            attributes["messaging.system"] = "websocket"
            attributes["messaging.operation.name"] = "send"
            attributes["messaging.operation.type"] = "send"
            attributes["messaging.destination.name"] = message.room
            attributes["messaging.client.id"] = client.id
            attributes["messaging.message.body.size"] = message.frame.readableBytes
            attributes["windsock.queue.bytes"] = client.queuedByteCount
        }
        if let context = span.traceContext { tracing.observer?.sending(context, to: client.user) }
        named.trace = tracing.namesTraces ? span.traceContext : nil
        var own = message
        own.frame = encoder.encode(named)
        own.send = SendSpan(span)
        return own
    }

    /// Ends the spans of messages written to the socket.
    func endSendSpans(of messages: ArraySlice<QueuedMessage>) {
        let now = clock.now()
        for message in messages { message.send?.written(at: now) }
    }

    /// Reports the traced messages of a tick to the observer, after they were handed to the sockets or to the queues of
    /// slow clients.
    func reportToObserver(_ tracedMessages: [(broadcast: BroadcastTrace, recipientCount: Int)]) {
        guard let tracing else { return }
        let now = clock.now()
        var deliveries: [DeliveryReport] = []
        deliveries.reserveCapacity(tracedMessages.count)
        for (broadcast, recipientCount) in tracedMessages {
            broadcast.delivered(to: recipientCount, at: now)
            guard recipientCount > 0 else { continue }
            deliveries.append(DeliveryReport(broadcast, recipientCount: recipientCount))
        }
        if !deliveries.isEmpty { tracing.observer?.delivered(deliveries, at: now) }
    }
}
