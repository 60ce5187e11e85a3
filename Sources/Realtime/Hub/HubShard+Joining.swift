import Core
import DequeModule
import NIOCore
package import Telemetry

/// Joins with replay. Live messages are held until everything the client missed has been sent.
extension HubShard {
    /// The maximum number of held messages sent at a time. The next ones follow when the client's socket has taken
    /// these.
    private static let heldPortion = 64
    /// The maximum time that the replays of all clients together may take in one turn of the shard.
    private static let replayTime = TimeAmount.milliseconds(2)

    /// Bytes of payloads after which a page of a replay should end, so that it fits into a client's queue.
    package var replayPageBytes: Int { min(Replay.Page.maxBytes, configuration.queue.maxBytes / 4) }

    /// Joins a client to a room by name and holds the room's live messages until
    /// ``release(_:in:_:through:next:completion:)``.
    ///
    /// The caller then reads the room's history. Messages that are committed after this call are among the held ones.
    ///
    /// - Returns: False when the client is gone or had already joined. A repeated join still starts a new hold.
    @discardableResult
    package func joinHolding(_ client: HubClient, _ room: TopicFilter) -> Bool {
        eventLoop.assertInEventLoop()
        guard client.sink != nil else { return false }
        control(of: client).beginHold(of: room.rawValue)
        return join(client, room)
    }

    /// Ends a hold: sends the answer `messages`, then the pages of missed messages, then the held messages except those
    /// with an offset up to `offset`. Live messages follow.
    ///
    /// - Parameters:
    ///   - nextPage: Fetches the next page; `nil` when nothing was missed.
    ///   - completion: Called on the loop once everything has been sent or the client is gone.
    package func release(
        _ client: HubClient, in room: String, _ messages: [Message], through offset: Int64,
        next nextPage: Replay.NextPage? = nil, completion: @escaping @Sendable () -> Void = {}
    ) {
        eventLoop.assertInEventLoop()
        if client.sink != nil, let control = client.control, control.holds[room] != nil {
            control.discardHeld(of: room, through: offset)
            control.replays.append(
                Replay(
                    room: room, state: nextPage == nil ? .releasing : .ready, completion: completion,
                    nextPage: nextPage ?? { $0(Replay.Page([], isLast: true)) }))
            send(messages, to: client)
            scheduleReplay(to: client)
        } else {
            send(messages, to: client)
            eventLoop.execute(completion)
        }
    }

    /// Sends the answer `messages` and a first page, then further pages, without holding live messages. Meant for rooms
    /// in which only the latest value counts.
    ///
    /// Pages and live messages are sent in the order in which the shard receives them.
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
        continueReplay(replay, for: client, after: rest)
    }

    /// Schedules the client's replay to continue in the shard's next turn.
    func scheduleReplay(to client: HubClient) {
        if replayScheduler.append(client) { requestTurn() }
    }

    /// Continues every scheduled replay once, in order, for at most ``replayTime``. The rest continue in the next turn.
    func continueReplays() {
        let end = NIODeadline.now() + Self.replayTime
        for _ in 0..<replayScheduler.count {
            guard let client = replayScheduler.popFirst() else { return }
            continueReplay(to: client)
            if NIODeadline.now() > end { return requestTurn() }
        }
    }

    /// Continues a client's replay if its socket has taken everything sent before.
    private func continueReplay(to client: HubClient) {
        guard let sink = client.sink, sink.isWritable, client.queue?.isEmpty ?? true,
            let control = client.control, let replay = control.replays.first
        else { return }
        switch replay.state {
        case .fetching, .throttled: break
        case .ready:
            replay.state = .fetching
            let bound = NIOLoopBound((client, replay), eventLoop: eventLoop)
            let isStored = replay.isStored
            if isStored { replayScheduler.storedPageBegins() }
            replay.nextPage { page in
                let (client, replay) = bound.value
                if isStored, self.replayScheduler.storedPageEnds() { self.requestTurn() }
                self.receive(page, of: replay, for: client)
            }
        case .releasing:
            let held = replay.room.map { control.takeHeld(of: $0, limit: Self.heldPortion) } ?? []
            guard held.isEmpty else {
                for message in held { add(message, for: client) }
                endTick()
                return scheduleReplay(to: client)
            }
            finish(replay, of: client, control)
        }
    }

    private func receive(_ page: Replay.Page?, of replay: Replay, for client: HubClient) {
        eventLoop.assertInEventLoop()
        guard let sink = client.sink, let control = client.control, control.replays.first === replay else { return }
        // The client has left the room meanwhile, so the rest of the replay is obsolete.
        if let room = replay.room, control.holds[room] == nil { return finish(replay, of: client, control) }
        guard let page else {
            scheduleClose(client, reason: "missed messages can no longer be replayed without a gap")
            return endTick()
        }
        let rest = sink.chargeReplay(page.cost)
        replay.state = page.isLast ? .releasing : .ready
        send(page.messages, to: client)
        continueReplay(replay, for: client, after: page.isLast ? .zero : rest)
    }

    /// Continues a replay after `rest`, the delay that the user's rate limit demands after the latest page. The limit
    /// is applied after each page. Otherwise several clients of one user that join at once could read all their pages
    /// before it takes effect.
    private func continueReplay(_ replay: Replay, for client: HubClient, after rest: TimeAmount) {
        guard rest > .zero else { return scheduleReplay(to: client) }
        replay.state = .throttled
        let bound = NIOLoopBound((client, replay), eventLoop: eventLoop)
        eventLoop.scheduleTask(in: rest) {
            let (client, replay) = bound.value
            replay.state = .ready
            self.scheduleReplay(to: client)
        }
    }

    private func finish(_ replay: Replay, of client: HubClient, _ control: ClientFlowControl) {
        control.replays.removeFirst()
        if let room = replay.room { control.cancelHold(of: room) }
        releaseIfIdle(control, of: client)
        // Runs in the loop's next task, so that the answer to a later command follows what was sent.
        eventLoop.execute(replay.completion)
        if control.hasReplay { scheduleReplay(to: client) }
    }

    /// Ends the replays of a client that has disconnected.
    func endReplays(of control: ClientFlowControl) {
        for replay in control.replays { eventLoop.execute(replay.completion) }
        control.replays.removeAll()
    }

    func control(of client: HubClient) -> ClientFlowControl {
        if let control = client.control { return control }
        let control = ClientFlowControl()
        client.control = control
        return control
    }

    /// Frees a client's ``RatePacer`` and ``ClientFlowControl`` if they are idle.
    func releaseIfIdle(_ control: ClientFlowControl, of client: HubClient) {
        if let pacer = control.pacer, pacer.isIdle { control.pacer = nil }
        if control.isIdle { client.control = nil }
    }

    func queued(_ message: Message) -> QueuedMessage {
        QueuedMessage(
            room: message.room, frame: encoder.encode(message), delivery: message.delivery, offset: message.offset ?? 0)
    }
}
