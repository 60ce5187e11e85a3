import Core
import CoreMetrics
import NIOCore

/// Writing of messages to clients' sockets, and to the queues of clients whose sockets are full.
extension HubShard {
    /// The number of written bytes after which the socket is flushed. TLS encrypts only at a flush, so until then the
    /// socket remains writable, however much is written.
    private static let maxUnflushedBytes = 64 * 1024

    func write(_ delivery: DeliveryTrie.Delivery, to client: HubClient) {
        guard let sink = client.sink else { return }
        guard client.queue == nil, sink.isWritable else {
            enqueue(delivery.messages[...], for: client)
            return drainQueue(of: client)
        }
        var written = 0
        var unflushed = 0
        for run in delivery.runs {
            sink.write(run.bytes)
            written = run.messagesThrough
            unflushed += run.bytes.readableBytes
            guard unflushed >= Self.maxUnflushedBytes || !sink.isWritable else { continue }
            sink.flush()
            unflushed = 0
            guard sink.isWritable else { break }
        }
        sink.flush()
        if delivery.hasSends { endSendSpans(of: delivery.messages[..<written]) }
        guard written < delivery.messages.count else { return }
        enqueue(delivery.messages[written...], for: client)
        if sink.isWritable { drainQueue(of: client) }
    }

    private func enqueue(_ messages: ArraySlice<QueuedMessage>, for client: HubClient) {
        guard !messages.isEmpty, client.sink != nil else { return }
        var queue = client.queue ?? OutboundQueue(limits: configuration.queue)
        client.queue = nil
        for message in messages {
            switch queue.append(message) {
            case .queued(let dropped):
                guard dropped > 0 else { continue }
                client.droppedCount += dropped
                metrics.conflated.increment(by: dropped)
            case .overflow:
                return closeSlow(client, reason: "slow client: too many queued messages that must not be dropped")
            }
        }
        client.queue = queue
    }

    func closeSlow(_ client: HubClient, reason: String) {
        guard let sink = client.sink else { return }
        metrics.slowClientsClosed.increment()
        sink.close(code: .slowClient, reason: reason)
    }

    func drainQueue(of client: HubClient) {
        guard let sink = client.sink else { return }
        while sink.isWritable, writeQueued(of: client, to: sink) {}
        if sink.isWritable, client.control?.hasReplay == true { scheduleReplay(to: client) }
    }

    /// Writes queued messages, as many as may go out before the next flush, and flushes. Returns false when nothing was
    /// written.
    private func writeQueued(of client: HubClient, to sink: any ClientSink) -> Bool {
        guard var queue = client.queue else { return false }
        client.queue = nil  // a single owner, so that it is mutated in place
        let now = eventLoop.now
        var byteCount = 0
        var sends: [QueuedMessage] = []
        while byteCount < Self.maxUnflushedBytes, sink.isWritable, let next = queue.next(at: now) {
            let frame: ByteBuffer
            switch next {
            case .message(let message):
                frame = message.frame
                if message.send != nil { sends.append(message) }
            case .gap(let room, let dropped): frame = encoder.encode(gapNotice(room: room, dropped: dropped))
            }
            sink.write(frame)
            byteCount += frame.readableBytes
        }
        // The socket may call back during the flush, so the rest of the queue is stored first.
        if client.sink != nil, !queue.isDiscardable(at: now) { client.queue = queue }
        guard byteCount > 0 else { return false }
        sink.flush()
        if !sends.isEmpty { endSendSpans(of: sends[...]) }
        return true
    }

    private func gapNotice(room: String, dropped: Int) -> Message {
        var payload = JSONObjectBuilder()
        payload.add("room_id", room)
        payload.add("dropped", dropped)
        return Message(type: .gap, room: room, payload: payload.finished(), timestamp: clock.now())
    }
}
