import NIOCore
package import Telemetry

/// Joins that replay what a client missed: live messages are held until all before them is out.
extension HubShard {
    /// A replay goes out in portions of this many messages, as the client's socket takes them.
    private static let replayPortion = 64

    /// Joins a client to a room by name and keeps the room's live messages back until ``release(_:in:_:through:)``.
    ///
    /// Whoever calls it then reads the room's history: what is committed after this call is among the held messages.
    /// Returns false when the client had joined before, which changes nothing else.
    @discardableResult
    package func joinHolding(_ client: HubClient, _ room: TopicFilter) -> Bool {
        eventLoop.assertInEventLoop()
        guard client.sink != nil else { return false }
        control(of: client).holds[room.rawValue] = RoomHold()
        return join(client, room)
    }

    /// Sends `messages` (the answer, and what was missed), then what was held and is newer than `offset`, then live.
    package func release(_ client: HubClient, in room: String, _ messages: [Message], through offset: Int64) {
        eventLoop.assertInEventLoop()
        guard let control = client.control, control.holds[room] != nil else { return send(messages, to: client) }
        control.holds[room]?.release(messages.map(queued), through: offset)
        replay(to: client)
    }

    /// Sends as much of what a client's joins replay as its socket takes for now.
    func replay(to client: HubClient) {
        // In the midst of a tick its end comes first; the queue tells then how far the client is.
        guard !isDraining else { return replayLater(to: client) }
        while client.sink != nil, client.queue?.isEmpty ?? true, let control = client.control,
            let room = control.holds.first(where: { $0.value.isReleased })?.key
        {
            var count = 0
            while count < Self.replayPortion, let message = control.holds[room]?.next() {
                plan.add(message)
                advance(client)
                count += 1
            }
            if count < Self.replayPortion { control.holds[room] = nil }
            if control.isIdle { client.control = nil }
            endTick()
        }
    }

    func replayLater(to client: HubClient) {
        let bound = NIOLoopBound(client, eventLoop: eventLoop)
        eventLoop.execute { self.replay(to: bound.value) }
    }

    func control(of client: HubClient) -> DeliveryControl {
        if let control = client.control { return control }
        let control = DeliveryControl()
        client.control = control
        return control
    }

    func queued(_ message: Message) -> QueuedMessage {
        QueuedMessage(
            room: message.room, frame: encoder.encode(message), delivery: message.delivery, offset: message.offset ?? 0)
    }
}
