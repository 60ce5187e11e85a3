package import NIOCore

/// What one connection may ask of the gateway; documented in `docs/limits.md`.
package struct ConnectionLimits: Sendable {
    /// Bytes of one message from a client; a larger one is answered with `too_large` and close code 1009.
    package var maxMessageBytes: Int
    /// Joins of one client, names and filters together.
    package var maxRooms: Int
    /// Commands a second that one client may send on average.
    package var commandsPerSecond: Int
    /// Commands that it may send at once.
    package var commandBurst: Int
    /// Connections at once, HTTP and WebSocket together; 0 is no limit.
    package var connections: Int
    /// Connections of one address at once; 0 is no limit.
    package var addressConnections: Int
    /// Addresses that the limits of addresses do not hold for, such as that of a proxy.
    package var exemptAddresses: Set<String>
    /// HTTP requests of one user that are under way at once; 0 is no limit.
    package var userRequests: Int
    /// HTTP requests a second of one user, with a burst of five times as many; 0 is no limit. See ``RequestQuota``.
    package var userRequestsPerSecond: Int
    /// WebSockets of one user at once; 0 is no limit.
    package var connectionsPerUser: Int
    /// Commands a second of all clients of a user together, with a burst of twice as many; 0 is no limit.
    package var userCommandsPerSecond: Int
    /// New WebSocket connections a second from one address, with a burst of twice as many; 0 is no limit.
    package var addressConnectionsPerSecond: Int
    /// Commands that may wait behind one that takes its time; then reading from the client stops.
    package var maxPendingCommands: Int
    /// Messages and pings that are read of a client whose socket takes no bytes; then reading stops until it does.
    package var maxUnreadRequests: Int
    /// Messages a second that joins replay to all clients of a user together; further joins wait. 0 is no limit.
    package var userReplayedPerSecond: Int
    /// Time from the connection's start to its first complete request.
    package var handshakeTimeout: TimeAmount
    /// Time for the body of a request, longer only for one that is large and comes fast enough.
    package var bodyTimeout: TimeAmount
    /// Time after which a connection that asks nothing over HTTP is closed.
    package var idleTimeout: TimeAmount
    /// Time that clients have at shutdown to take what waits for them.
    package var drainTimeout: TimeAmount
    /// Time between our close frame and the peer's.
    package var closeTimeout: TimeAmount

    package init(
        maxMessageBytes: Int = 64 * 1024,
        maxRooms: Int = 256,
        commandsPerSecond: Int = 100,
        commandBurst: Int = 200,
        connections: Int = 0,
        addressConnections: Int = 2000,
        exemptAddresses: Set<String> = ["127.0.0.1", "::1"],
        userRequests: Int = 64,
        userRequestsPerSecond: Int = 1000,
        connectionsPerUser: Int = 100,
        userCommandsPerSecond: Int = 500,
        addressConnectionsPerSecond: Int = 100,
        maxPendingCommands: Int = 64,
        maxUnreadRequests: Int = 16,
        userReplayedPerSecond: Int = 50_000,
        handshakeTimeout: TimeAmount = .seconds(10),
        bodyTimeout: TimeAmount = .seconds(10),
        idleTimeout: TimeAmount = .seconds(60),
        drainTimeout: TimeAmount = .seconds(3),
        closeTimeout: TimeAmount = .seconds(1)
    ) {
        self.maxMessageBytes = maxMessageBytes
        self.maxRooms = maxRooms
        self.commandsPerSecond = commandsPerSecond
        self.commandBurst = commandBurst
        self.connections = connections
        self.addressConnections = addressConnections
        self.exemptAddresses = exemptAddresses
        self.userRequests = userRequests
        self.userRequestsPerSecond = userRequestsPerSecond
        self.connectionsPerUser = connectionsPerUser
        self.userCommandsPerSecond = userCommandsPerSecond
        self.addressConnectionsPerSecond = addressConnectionsPerSecond
        self.maxPendingCommands = maxPendingCommands
        self.maxUnreadRequests = maxUnreadRequests
        self.userReplayedPerSecond = userReplayedPerSecond
        self.handshakeTimeout = handshakeTimeout
        self.bodyTimeout = bodyTimeout
        self.idleTimeout = idleTimeout
        self.drainTimeout = drainTimeout
        self.closeTimeout = closeTimeout
    }
}
