package import NIOCore

/// The listen address, page folders and limits of the web server: plain values with the documented defaults.
package struct WebServerConfiguration: Sendable {
    /// The address to listen on.
    package var host: String
    /// The TCP port; 0 lets the system choose.
    package var port: Int
    /// The certificate and its key; `nil` disables TLS.
    package var tls: TLSCertificate.Files?
    /// The time between two checks whether the files of ``tls`` have changed.
    package var tlsCheckInterval: Duration
    /// The origin that browsers see when the gateway is behind a proxy, such as `https://dash.example.org`.
    package var publicOrigin: String?
    /// Further origins whose pages may connect. The origin `null` is allowed only if it is listed.
    package var allowedOrigins: [String]
    /// The sources of the Content Security Policy's `frame-ancestors`: `'self'` and origins whose pages may frame the
    /// page, or `'none'` alone.
    package var frameAncestors: [String]
    /// The folder with the files of the dashboard page; `nil` disables serving files.
    package var webDirectory: String?
    /// The folder of the system's JavaScript libraries. Only its subfolder `chart.js` is served, under
    /// `/vendor/chart.js`.
    package var vendorDirectory: String
    package var limits: ConnectionLimits
    package var heartbeat: HeartbeatConfiguration

    package init(
        host: String = "127.0.0.1",
        port: Int = 8080,
        tls: TLSCertificate.Files? = nil,
        tlsCheckInterval: Duration = .seconds(10),
        publicOrigin: String? = nil,
        allowedOrigins: [String] = [],
        frameAncestors: [String] = ["'self'"],
        webDirectory: String? = nil,
        vendorDirectory: String = "/usr/share/javascript",
        limits: ConnectionLimits = .init(),
        heartbeat: HeartbeatConfiguration = .init()
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.tlsCheckInterval = tlsCheckInterval
        self.publicOrigin = publicOrigin
        self.allowedOrigins = allowedOrigins
        self.frameAncestors = frameAncestors
        self.webDirectory = webDirectory
        self.vendorDirectory = vendorDirectory
        self.limits = limits
        self.heartbeat = heartbeat
    }
}

/// The address of a listener.
package struct ListenAddress: Equatable, Sendable {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port`, `[::1]:port`, or `:port` for all IPv4 addresses. Returns `nil` for any other text.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits) else { return nil }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]"), host.contains(":") {
            self.init(host: String(host.dropFirst().dropLast()), port: Int(port))
            return
        }
        guard !host.contains(where: { $0.isWhitespace || ":/[]@".contains($0) }) else { return nil }
        self.init(host: host.isEmpty ? "0.0.0.0" : String(host), port: Int(port))
    }
}

/// The limits of connections, clients, users and addresses; documented in `docs/limits.md`.
package struct ConnectionLimits: Sendable {
    /// The largest message from a client in bytes. A larger one is answered with `too_large` and close code 1009.
    package var maxMessageBytes: Int
    /// The largest number of rooms and filters that one client may join, not counting its user's inbox.
    package var maxRooms: Int
    /// The average number of commands per second that one client may send.
    package var commandsPerSecond: Int
    /// The number of commands that one client may send in a burst.
    package var commandBurst: Int
    /// The largest number of simultaneous connections, HTTP and WebSocket together; 0 is no limit.
    package var connections: Int
    /// The largest number of simultaneous connections per address; 0 is no limit.
    package var addressConnections: Int
    /// Addresses that are exempt from the limits per address, such as that of a proxy.
    package var exemptAddresses: Set<String>
    /// The largest number of in-flight HTTP requests per user; 0 is no limit.
    package var userRequests: Int
    /// The permitted cost of HTTP requests per second and user, with a burst of five times as much; 0 is no limit. Most
    /// requests cost 1; see ``RequestQuota/RouteClass``.
    package var userRequestsPerSecond: Int
    /// The largest number of simultaneous WebSockets per user; 0 is no limit.
    package var connectionsPerUser: Int
    /// Commands per second of all clients of a user together, with a burst of twice as many; 0 is no limit.
    package var userCommandsPerSecond: Int
    /// New WebSocket connections per second from one address, with a burst of twice as many; 0 is no limit.
    package var addressConnectionsPerSecond: Int
    /// The number of commands of a client that may wait for an earlier one to finish. At this number, the gateway stops
    /// reading from the client.
    package var maxPendingCommands: Int
    /// The number of messages and control frames that are read from a client whose socket accepts no bytes. At this
    /// number, the gateway stops reading from the client until the socket accepts bytes again.
    package var maxUnreadRequests: Int
    /// Messages per second that joins may replay to all clients of a user together; further joins wait. 0 is no limit.
    package var userReplayedPerSecond: Int
    /// Time from the start of a connection to the head of its first request.
    package var handshakeTimeout: TimeAmount
    /// Time for the body of a request, extended for large bodies that arrive fast enough.
    package var bodyTimeout: TimeAmount
    /// Time after which an idle HTTP connection is closed.
    package var idleTimeout: TimeAmount
    /// Time for clients to receive their queued messages at shutdown.
    package var drainTimeout: TimeAmount
    /// Time from our close frame to the peer's, after which the connection is cut off.
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
