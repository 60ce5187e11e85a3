package import NIOCore

/// A detector of silent and stuck connections. It is a value without a clock of its own; the connection calls
/// ``sweep(at:)`` about once a second.
package struct Heartbeat {
    /// The action that the connection must take after ``sweep(at:)``.
    package enum Action: Equatable {
        case nothing
        case sendPing
        /// No pong arrived in time.
        case closeSilent
        /// The socket accepted no bytes for too long.
        case closeStuck
    }

    private let configuration: HeartbeatConfiguration
    private var lastPing: NIODeadline
    private var awaitingPongSince: NIODeadline?
    private var stuckSince: NIODeadline?

    /// The longest delay of the first ping. It is shorter than the usual interval, so that the round-trip time is known
    /// soon.
    private static let firstPingDelay = TimeAmount.seconds(5)

    /// Creates a heartbeat whose first ping is due one interval after `now`, or after 5 s if that is less.
    package init(configuration: HeartbeatConfiguration, now: NIODeadline) {
        self.configuration = configuration
        self.lastPing = now - configuration.pingInterval + min(configuration.pingInterval, Self.firstPingDelay)
    }

    /// Notes a sign of life; any input from the peer counts.
    package mutating func heard() {
        awaitingPongSince = nil
    }

    /// Returns the time since the ping that a pong at `now` answers; nil when no pong is awaited.
    package func roundTripTime(at now: NIODeadline) -> TimeAmount? {
        awaitingPongSince.map { now - $0 }
    }

    /// Notes that the socket accepts bytes again, or no longer does.
    package mutating func writabilityChanged(isWritable: Bool, now: NIODeadline) {
        stuckSince = isWritable ? nil : stuckSince ?? now
    }

    /// Returns the action that is due at `now`.
    package mutating func sweep(at now: NIODeadline) -> Action {
        if let stuckSince, now - stuckSince >= configuration.writeTimeout { return .closeStuck }
        if let awaitingPongSince, now - awaitingPongSince >= configuration.pongTimeout { return .closeSilent }
        guard now - lastPing >= configuration.pingInterval else { return .nothing }
        lastPing = now
        if awaitingPongSince == nil { awaitingPongSince = now }
        return .sendPing
    }
}

/// The timeouts after which a silent or stuck connection is noticed.
package struct HeartbeatConfiguration: Sendable {
    /// Time from one ping to the next.
    package var pingInterval: TimeAmount
    /// Time from a ping to its pong, after which the connection is closed with 4012.
    package var pongTimeout: TimeAmount
    /// Time for which a socket may accept no bytes, after which the connection is closed with 4008.
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
