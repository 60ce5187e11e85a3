package import Core
import CoreMetrics
package import NIOCore
package import Telemetry

/// The clients of one event loop. The shard takes messages from a mailbox and gathers them by client. At the end of a
/// *tick* it delivers what was gathered, with one flush per client.
///
///     publishers ──▶ Mailbox ──▶ drain: message by message ──▶ DeliveryTrie ──▶ end of tick: one write, one flush
///                    (bounded)          RoomMembers                              a client; OutboundQueue if it is slow
///
/// A socket may call back before `write`, `flush` or `close` returns, because NIO reads the bytes that have arrived
/// when a write fails. Therefore sockets are called only in the phase ``Phase/delivering``. Requests made by callbacks
/// in that phase are gathered for the next tick.
///
/// `@unchecked Sendable`: all state is used only on ``eventLoop``, except for the mailbox, which is thread-safe.
/// Methods that use the state assert that they run on the loop. Shards are separate from `Hub` so that two loops never
/// share a lock on the hot path.
package final class HubShard: @unchecked Sendable {
    /// The event loop that runs this shard.
    package let eventLoop: any EventLoop

    private let turns: any TurnScheduler
    private let mailbox: Mailbox
    let configuration: HubConfiguration
    let encoder: any MessageEncoder
    package let presence: PresenceRegistry
    let metrics: HubMetrics
    let tracing: HubTracing?
    let clock: any WallClock

    /// The phase of a tick.
    private enum Phase {
        /// Nothing is being gathered. Sockets and services may be called.
        case idle
        /// The mailbox is being drained: messages are added to ``gathered``. No socket is called.
        case gathering
        /// Sockets are called. Requests they make in callbacks are gathered for the next tick.
        case delivering
    }

    private var clients: [ObjectIdentifier: HubClient] = [:]
    private var members: RoomMembers<HubClient>
    private var phase = Phase.idle
    /// The messages gathered for the end of the tick, with their recipients.
    private var gathered = DeliveryTrie()
    /// The messages being delivered, with their recipients. Empty outside ``Phase/delivering``.
    private var delivered = DeliveryTrie()
    /// Clients that have messages in ``gathered``.
    private var gatheredClients: [HubClient] = []
    private var recipients: [(client: HubClient, position: DeliveryTrie.Position)] = []
    /// Clients whose sockets became writable again while others were being called.
    private var resumed: [HubClient] = []
    var replayScheduler = ReplayScheduler()
    private var isTurnRequested = false
    /// Clients to close at the end of the tick.
    private var pendingCloses: [(client: HubClient, reason: String)] = []
    /// Traced messages of this tick, each with its number of recipients on this shard.
    private var tracedMessages: [(broadcast: BroadcastTrace, recipientCount: Int)] = []
    private var sweepTask: RepeatedTask?
    var pacing = PacingSchedule()

    init(
        loop: HubLoop,
        mailbox: Mailbox,
        configuration: HubConfiguration,
        encoder: any MessageEncoder,
        presence: PresenceRegistry,
        metrics: HubMetrics,
        tracing: HubTracing?,
        clock: any WallClock
    ) {
        self.eventLoop = loop.eventLoop
        self.turns = loop.turns
        self.mailbox = mailbox
        self.configuration = configuration
        self.encoder = encoder
        self.presence = presence
        self.metrics = metrics
        self.tracing = tracing
        self.clock = clock
        self.members = RoomMembers(protecting: configuration.protectedFirstLevels)
        turns.setTurn { [weak self] in self?.takeTurn() }
    }

    // MARK: Clients

    /// Adds a new connection. It receives nothing before it joins a room.
    package func connect(id: String, user: UserID, address: String? = nil, sink: any ClientSink) -> HubClient {
        eventLoop.assertInEventLoop()
        let client = HubClient(id: id, user: user, address: address, connectedAt: clock.now(), sink: sink)
        clients[ObjectIdentifier(client)] = client
        presence.connected(user: user)
        if sweepTask == nil {
            let interval = configuration.sweepInterval
            sweepTask = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] _ in
                self?.sweep()
            }
        }
        return client
    }

    /// Removes a connection that has ended. Idempotent.
    package func disconnect(_ client: HubClient) {
        eventLoop.assertInEventLoop()
        guard clients.removeValue(forKey: ObjectIdentifier(client)) != nil else { return }
        for filter in client.joined { members.remove(client, under: filter) }
        presence.disconnected(ObjectIdentifier(client), of: client.user, joined: client.joined, at: eventLoop.now)
        client.joined = []
        client.sink = nil
        client.queue = nil
        if let control = client.control { endReplays(of: control) }
        client.control = nil
        pacing.remove(client)
        if clients.isEmpty {
            sweepTask?.cancel()
            sweepTask = nil
        }
    }

    /// Adds the client to the room, or to all rooms that the filter matches.
    ///
    /// - Returns: False, with nothing changed, when the client had already joined by this exact filter or is gone.
    @discardableResult
    package func join(_ client: HubClient, _ filter: TopicFilter) -> Bool {
        eventLoop.assertInEventLoop()
        guard client.sink != nil, !client.joined.contains(filter) else { return false }
        client.joined.append(filter)
        members.insert(client, under: filter)
        client.control?.pacer?.join(filter)
        presence.joined(ObjectIdentifier(client), of: client.user, filter: filter)
        return true
    }

    /// Removes a join. Returns false when the client had not joined by this filter.
    @discardableResult
    package func leave(_ client: HubClient, _ filter: TopicFilter) -> Bool {
        eventLoop.assertInEventLoop()
        guard let index = client.joined.firstIndex(of: filter) else { return false }
        client.joined.remove(at: index)
        if let control = client.control {
            control.cancelHold(of: filter.rawValue)
            control.pacer?.leave(filter)
            releaseIfIdle(control, of: client)
        }
        members.remove(client, under: filter)
        presence.left(ObjectIdentifier(client), of: client.user, filter: filter)
        return true
    }

    /// Sends messages to one client, in order with its other messages.
    package func send(_ messages: [Message], to client: HubClient) {
        eventLoop.assertInEventLoop()
        guard client.sink != nil else { return }
        for message in messages {
            // An older message of the series that waits in the pacer must not follow this one.
            if case .conflatable(let key) = message.delivery { client.control?.pacer?.sent(key, at: eventLoop.now) }
            add(queued(message), for: client)
        }
        endTick()
    }

    /// Sends a client's queued messages after its socket became writable again.
    package func resume(_ client: HubClient) {
        eventLoop.assertInEventLoop()
        resumed.append(client)
        endTick()
    }

    // MARK: Mailbox

    /// Adds an item to the mailbox and requests a turn if the mailbox was empty. Thread-safe.
    func post(_ item: Mailbox.Item, byteCount: Int) {
        guard mailbox.post(item, byteCount: byteCount) else { return }
        turns.request()
    }

    /// Blocks the calling thread while the mailbox is over its limit. Never call it on an event loop.
    func waitForCapacity() {
        if mailbox.waitForCapacity() { metrics.publisherWaits.increment() }
    }

    var isOverloaded: Bool { mailbox.isFull }

    /// Bytes of frames in the mailbox, not yet taken by the loop.
    package var waitingByteCount: Int { mailbox.waitingByteCount }

    /// Returns the clients connected now, for work that is split into several tasks of the loop. Clients may disconnect
    /// between two tasks.
    func currentClients() -> (bound: NIOLoopBound<[HubClient]>, count: Int) {
        (NIOLoopBound(Array(clients.values), eventLoop: eventLoop), clients.count)
    }

    /// Runs `work` on the loop once all messages published before this call are delivered.
    package func afterPublished(_ work: @escaping @Sendable () -> Void) {
        // Not during the turn itself, whose messages reach the sockets only at its end.
        let later: @Sendable (HubShard) -> Void = { $0.eventLoop.execute(work) }
        guard mailbox.waitingByteCount > 0 else { return later(self) }
        post(.work(later), byteCount: 0)
    }

    /// Stops accepting messages, and cancels the periodic check of clients and the pending delivery of rate-limited
    /// messages. Clients stay until their connections end.
    func close() {
        mailbox.close()
        eventLoop.execute {
            self.sweepTask?.cancel()
            self.sweepTask = nil
            self.pacing.cancel()
        }
    }

    /// Drains the mailbox, then continues replays.
    private func takeTurn() {
        eventLoop.assertInEventLoop()
        isTurnRequested = false
        drain()
        continueReplays()
    }

    private func drain() {
        phase = .gathering
        for item in mailbox.takeAll() {
            switch item {
            case .messages(let messages):
                for message in messages { fanOut(message) }
            case .work(let work):
                work(self)
            }
        }
        phase = .idle
        endTick()
    }

    private func fanOut(_ message: QueuedMessage) {
        let recipients = members.recipients(of: message.room)
        if let broadcast = message.broadcast {
            tracedMessages.append((broadcast, recipients.count))
            if broadcast.context != nil, !recipients.isEmpty { return fanOutTraced(message, broadcast, to: recipients) }
        }
        guard !recipients.isEmpty else { return }
        let index = gather(message)
        for client in recipients {
            if let control = client.control, !admit(message, for: client, control) { continue }
            advance(client, with: index)
        }
    }

    /// Adds a message for a single client to the tick.
    func add(_ message: QueuedMessage, for client: HubClient) {
        advance(client, with: gather(message))
    }

    /// Adds a message to the tick, still without recipients; ``advance(_:with:)`` adds these.
    func gather(_ message: QueuedMessage) -> DeliveryTrie.MessageIndex {
        gathered.add(message)
    }

    func advance(_ client: HubClient, with message: DeliveryTrie.MessageIndex) {
        guard client.sink != nil else { return }
        if client.position == DeliveryTrie.root { gatheredClients.append(client) }
        client.position = gathered.step(from: client.position, with: message)
    }

    /// Closes a client with ``CloseCode/slowClient`` at the end of the tick. The peer receives `reason`.
    func scheduleClose(_ client: HubClient, reason: String) {
        pendingCloses.append((client, reason))
    }

    // MARK: End of tick

    /// Ends the tick: delivers the gathered messages. Has no effect while the mailbox is being drained, which ends with
    /// this call, or while messages are being delivered. What is gathered during a delivery follows in the next turn.
    func endTick() {
        guard phase == .idle else { return }
        phase = .delivering
        deliverTick()
        phase = .idle
        // Sockets called back during the delivery. Deferring that work to the next turn lets other sockets run first.
        if hasGathered { requestTurn() }
    }

    /// Requests a turn. Call it on the loop. Requests made before the turn starts are merged.
    func requestTurn() {
        guard !isTurnRequested else { return }
        isTurnRequested = true
        turns.request()
    }

    private var hasGathered: Bool {
        !gatheredClients.isEmpty || !resumed.isEmpty || !pendingCloses.isEmpty || !tracedMessages.isEmpty
    }

    private func deliverTick() {
        // All gathered state is taken and reset before the first socket is called.
        swap(&gathered, &delivered)
        for client in gatheredClients {
            recipients.append((client, client.position))
            client.position = DeliveryTrie.root
        }
        gatheredClients.removeAll(keepingCapacity: gatheredClients.count <= 4096)
        let (tracedMessages, resumed, pendingCloses) = (tracedMessages, resumed, pendingCloses)
        self.tracedMessages.removeAll(keepingCapacity: tracedMessages.count <= 1024)
        self.resumed.removeAll()
        self.pendingCloses.removeAll()

        for (client, reason) in pendingCloses { closeSlow(client, reason: reason) }
        for client in resumed { drainQueue(of: client) }
        var messages = 0
        var bytes = 0
        for (client, position) in recipients {
            let delivery = delivered.delivery(at: position)
            messages += delivery.messages.count
            for run in delivery.runs { bytes += run.bytes.readableBytes }
            write(delivery, to: client)
        }
        recipients.removeAll(keepingCapacity: recipients.count <= 4096)
        delivered.reset()
        if messages > 0 {
            metrics.delivered.increment(by: messages)
            metrics.deliveredBytes.increment(by: bytes)
        }
        if !tracedMessages.isEmpty { reportToObserver(tracedMessages) }
    }

    /// Closes the connections of a user.
    func close(_ user: UserID, code: CloseCode, reason: String) {
        for client in clients.values.filter({ $0.user == user }) { client.sink?.close(code: code, reason: reason) }
    }

    private func sweep() {
        let now = eventLoop.now
        for client in Array(clients.values) {
            client.sink?.sweep(at: now)
            if client.queue != nil { resume(client) }
        }
    }
}
