package import Core
package import Logging
import NIOCore
package import Realtime
package import Services

/// The dependencies that all connections share, in one object so that each connection holds one reference.
package final class ConnectionEnvironment: Sendable {
    let hub: Hub
    let services: HubServices
    let router: CommandRouter
    let quota: UserQuota
    let requests: RequestQuota
    let cap: ConnectionCap
    let limits: ConnectionLimits
    let heartbeat: HeartbeatConfiguration
    let metrics: WebSocketMetrics
    let clock: any WallClock
    let ids: any IDGenerator
    let logger: Logger
    /// The size limit of a client's outbound queue in bytes, as announced in `welcome`.
    let queueBytes: Int

    package init(
        hub: Hub,
        services: HubServices,
        authority: TokenAuthority,
        limits: ConnectionLimits,
        heartbeat: HeartbeatConfiguration,
        queueBytes: Int,
        metrics: WebSocketMetrics,
        clock: any WallClock = SystemWallClock(),
        ids: any IDGenerator = RandomIDGenerator(),
        logger: Logger
    ) {
        self.hub = hub
        self.services = services
        self.router = CommandRouter(
            services: services, authority: authority, limits: limits, metrics: metrics, clock: clock)
        self.quota = UserQuota(limits: limits)
        self.requests = RequestQuota(limits: limits)
        self.cap = ConnectionCap(
            limits: ConnectionCap.Limits(
                connections: limits.connections, addressConnections: limits.addressConnections,
                exemptAddresses: limits.exemptAddresses), metrics: metrics.edge, logger: logger)
        self.limits = limits
        self.heartbeat = heartbeat
        self.queueBytes = queueBytes
        self.metrics = metrics
        self.clock = clock
        self.ids = ids
        self.logger = logger
    }

    /// Returns the time from our close frame until the connection is cut off. A slow client sees the code and reason
    /// only after it has read everything before them, so it gets as much time as a stuck socket, at most 10 s.
    func closeTimeout(after code: CloseCode) -> TimeAmount {
        let usual = limits.closeTimeout
        return code == .slowClient ? max(usual, min(heartbeat.writeTimeout, .seconds(10))) : usual
    }

    /// Runs a command. A join is delayed while the messages replayed by the user's earlier joins exceed the limit.
    ///
    /// - Parameter isWanted: Called after a delay; the command does not run if it returns false.
    func perform(
        _ command: ClientCommand, in session: ClientSession, ifStill isWanted: @escaping @Sendable () -> Bool,
        completion: @escaping @Sendable () -> Void
    ) {
        let loop = session.shard.eventLoop
        let delay = command.isJoin ? quota.replayDelay(of: session.client.user, now: loop.now) : .zero
        // The completion does not capture the command, which may be large, because a join may take long to call it.
        guard delay > .zero else { return router.perform(command, in: session, completion: completion) }
        let bound = NIOLoopBound((command, session), eventLoop: loop)
        loop.scheduleTask(in: delay) { [router] in
            guard isWanted() else { return }
            let (command, session) = bound.value
            router.perform(command, in: session, completion: completion)
        }
    }

    /// Sends `welcome` and joins the client to its user's inbox. The clients of a share have no inbox. `completion` is
    /// called on the client's loop.
    func open(_ client: HubClient, on shard: HubShard, completion: @escaping @Sendable () -> Void) {
        let (id, user) = (client.id, client.user)
        guard user.isShare else {
            return services.notifications.open(
                client, on: shard, welcome: { self.welcome(clientID: id, user: user, inbox: $0) },
                completion: completion)
        }
        let bound = NIOLoopBound(client, eventLoop: shard.eventLoop)
        hub.perform(on: shard) { shard in
            shard.send([self.welcome(clientID: id, user: user, inbox: nil)], to: bound.value)
            shard.eventLoop.execute(completion)
        }
    }

    /// Returns the first message of a connection.
    private func welcome(clientID: String, user: UserID, inbox: NotificationService.Inbox?) -> Message {
        let now = clock.now()
        var announced = JSONObjectBuilder()
        announced.add("message_bytes", limits.maxMessageBytes)
        announced.add("queue_bytes", queueBytes)
        announced.add("rooms", limits.maxRooms)
        announced.add("commands_per_second", limits.commandsPerSecond)
        var payload = JSONObjectBuilder()
        payload.add("client_id", clientID)
        payload.add("user_id", user.rawValue)
        payload.add("server_time", now.millisecondsSinceEpoch)
        payload.add("ping_interval_s", Double(heartbeat.pingInterval.nanoseconds) / 1e9)
        payload.add("limits", object: announced.finished())
        if let inbox {
            payload.add("unread", inbox.unreadCount)
            var position = JSONObjectBuilder()
            position.add("offset", Int(inbox.position.offset))
            position.add("epoch", inbox.position.epoch)
            payload.add("inbox", object: position.finished())
        }
        return Message(type: .welcome, payload: payload.finished(), timestamp: now)
    }
}
