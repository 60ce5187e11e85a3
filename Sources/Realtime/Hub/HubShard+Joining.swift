import DequeModule
import NIOCore
package import Telemetry

/// Joins that replay what a client missed: live messages are held until all before them is out.
extension HubShard {
    /// Held messages go out in portions of this many, as the client's socket takes them.
    private static let heldPortion = 64
    /// The share of a turn that replays may take.
    private static let replayTime = TimeAmount.milliseconds(2)

    /// Bytes of payloads after which a page should end, so that it fits in a client's queue.
    package var replayPageBytes: Int { min(Replay.Page.maxBytes, configuration.queue.maxBytes / 4) }

    /// Joins a client to a room by name and keeps the room's live messages back until ``release(_:in:_:through:next:completion:)``.
    ///
    /// Whoever calls it then reads the room's history: what is committed after this call is among the held messages.
    /// Returns false when the client had joined before, which changes nothing else.
    @discardableResult
    package func joinHolding(_ client: HubClient, _ room: TopicFilter) -> Bool {
        eventLoop.assertInEventLoop()
        guard client.sink != nil else { return false }
        control(of: client).beginHold(of: room.rawValue)
        return join(client, room)
    }

    /// Sends the answer `messages`, the pages of what was missed, and what was held and is newer than `offset`; then
    /// come live messages.
    ///
    /// - Parameters:
    ///   - nextPage: asks for the pages; `nil` when nothing was missed.
    ///   - completion: called on the loop when all of it is on its way, or the client is gone.
    package func release(
        _ client: HubClient, in room: String, _ messages: [Message], through offset: Int64,
        next nextPage: Replay.NextPage? = nil, completion: @escaping @Sendable () -> Void = {}
    ) {
        eventLoop.assertInEventLoop()
        if client.sink != nil, let control = client.control, control.holds[room] != nil {
            control.release(room, through: offset)
            control.replays.append(
                Replay(
                    room: room, state: nextPage == nil ? .releasing : .ready, completion: completion,
                    nextPage: nextPage ?? { $0(Replay.Page([], isLast: true)) }))
            send(messages, to: client)
            replayLater(to: client)
        } else {
            send(messages, to: client)
            eventLoop.execute(completion)
        }
    }

    /// Sends the answer `messages` and a first page, then further pages while live messages go on, as for rooms of which
    /// only the latest value counts.
    ///
    /// A page is sent in the midst of what is live, at the instant at which it is handed over.
    package func replay(
        to client: HubClient, _ messages: [Message], first: Replay.Page,
        completion: @escaping @Sendable () -> Void, next nextPage: @escaping Replay.NextPage
    ) {
        eventLoop.assertInEventLoop()
        let rest = client.sink?.chargeReplay(first.cost) ?? .zero
        send(messages + first.messages, to: client)
        guard client.sink != nil, !first.isLast else { return eventLoop.execute(completion) }
        let replay = Replay(room: nil, state: .ready, completion: completion, nextPage: nextPage)
        control(of: client).replays.append(replay)
        goOn(with: replay, for: client, after: rest)
    }

    /// Continues a client's replay in the next turn.
    func replayLater(to client: HubClient) {
        if replaying.append(client) { requestTurn() }
    }

    /// Continues replays one after the other, each once, until their share of the turn is used up.
    func continueReplays() {
        let end = NIODeadline.now() + Self.replayTime
        for _ in 0..<replaying.count {
            guard let client = replaying.popFirst() else { return }
            continueReplay(to: client)
            if NIODeadline.now() > end { return requestTurn() }
        }
    }

    /// Continues a client's replay if its socket has taken what was sent before.
    private func continueReplay(to client: HubClient) {
        guard let sink = client.sink, sink.isWritable, client.queue?.isEmpty ?? true,
            let control = client.control, let replay = control.replays.first
        else { return }
        switch replay.state {
        case .fetching, .resting: break
        case .ready:
            replay.state = .fetching
            let bound = NIOLoopBound((client, replay), eventLoop: eventLoop)
            let isStored = replay.isStored
            if isStored { replaying.storedPageBegins() }
            replay.nextPage { page in
                let (client, replay) = bound.value
                if isStored, self.replaying.storedPageEnds() { self.requestTurn() }
                self.take(page, of: replay, for: client)
            }
        case .releasing:
            let held = replay.room.map { control.takeHeld(of: $0, limit: Self.heldPortion) } ?? []
            guard held.isEmpty else {
                for message in held { add(message, for: client) }
                endTick()
                return replayLater(to: client)
            }
            finish(replay, of: client, control)
        }
    }

    private func take(_ page: Replay.Page?, of replay: Replay, for client: HubClient) {
        eventLoop.assertInEventLoop()
        guard let sink = client.sink, let control = client.control, control.replays.first === replay else { return }
        // A room that was left meanwhile has nothing more to tell.
        if let room = replay.room, control.holds[room] == nil { return finish(replay, of: client, control) }
        guard let page else {
            closeLater(client, reason: "what was missed cannot be told without a hole any more")
            return endTick()
        }
        let rest = sink.chargeReplay(page.cost)
        replay.state = page.isLast ? .releasing : .ready
        send(page.messages, to: client)
        goOn(with: replay, for: client, after: page.isLast ? .zero : rest)
    }

    /// Continues a replay when its last page is paid for. Pages are charged one by one, so that clients of a user that
    /// join at once cannot read all of theirs before the first has paid.
    private func goOn(with replay: Replay, for client: HubClient, after rest: TimeAmount) {
        guard rest > .zero else { return replayLater(to: client) }
        replay.state = .resting
        let bound = NIOLoopBound((client, replay), eventLoop: eventLoop)
        eventLoop.scheduleTask(in: rest) {
            let (client, replay) = bound.value
            replay.state = .ready
            self.replayLater(to: client)
        }
    }

    private func finish(_ replay: Replay, of client: HubClient, _ control: DeliveryControl) {
        control.replays.removeFirst()
        if let room = replay.room { control.giveUpHold(of: room) }
        settle(control, of: client)
        // In the next turn, as what was sent: the answer to a later command comes after it.
        eventLoop.execute(replay.completion)
        if control.hasReplay { replayLater(to: client) }
    }

    /// Ends the replays of a client that is gone.
    func endReplays(of control: DeliveryControl) {
        for replay in control.replays { eventLoop.execute(replay.completion) }
        control.replays.removeAll()
    }

    func control(of client: HubClient) -> DeliveryControl {
        if let control = client.control { return control }
        let control = DeliveryControl()
        client.control = control
        return control
    }

    /// Gives up a client's control when nothing is left in it.
    func settle(_ control: DeliveryControl, of client: HubClient) {
        if let pacer = control.pacer, pacer.isIdle { control.pacer = nil }
        if control.isIdle { client.control = nil }
    }

    func queued(_ message: Message) -> QueuedMessage {
        QueuedMessage(
            room: message.room, frame: encoder.encode(message), delivery: message.delivery, offset: message.offset ?? 0)
    }
}
