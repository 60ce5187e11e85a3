package import NIOCore

/// When a silent or stuck connection is noticed.
package struct HeartbeatConfiguration: Sendable {
    /// Time from one ping to the next.
    package var pingInterval: TimeAmount
    /// Time from a ping to its pong, after which the connection is closed with 4012.
    package var pongTimeout: TimeAmount
    /// Time that a socket may refuse to take bytes, after which the connection is closed with 4008.
    package var writeTimeout: TimeAmount

    package init(
        pingInterval: TimeAmount = .seconds(54),
        pongTimeout: TimeAmount = .seconds(60),
        writeTimeout: TimeAmount = .seconds(10)
    ) {
        self.pingInterval = pingInterval
        self.pongTimeout = pongTimeout
        self.writeTimeout = writeTimeout
    }
}
