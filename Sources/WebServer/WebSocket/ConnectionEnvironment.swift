package import Core
package import Logging
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
}
