package import NIOCore

/// Notices connections that have gone silent or stuck: a value type on a given clock, asked about once a second.
package struct Heartbeat {
    /// What a sweep calls for.
    package enum Action: Equatable {
        case nothing
        case sendPing
        /// No pong came in time.
        case closeSilent
        /// The socket took no bytes for too long.
        case closeStuck
    }

    private let configuration: HeartbeatConfiguration
    private var lastPing: NIODeadline
    private var awaitingPongSince: NIODeadline?
    private var stuckSince: NIODeadline?

    /// The first ping comes earlier than the others, so that a connection's round trip is soon known.
    private static let firstPingDelay = TimeAmount.seconds(5)

    /// A heartbeat whose first ping is due one interval after `now`, or after 5 s if that is less.
    package init(configuration: HeartbeatConfiguration, now: NIODeadline) {
        self.configuration = configuration
        self.lastPing = now - configuration.pingInterval + min(configuration.pingInterval, Self.firstPingDelay)
    }

    /// Whatever the peer sends shows that it is there.
    package mutating func heard() {
        awaitingPongSince = nil
    }

    /// The time since the ping that a pong at `now` answers; nil when none is awaited.
    package func roundTripTime(at now: NIODeadline) -> TimeAmount? {
        awaitingPongSince.map { now - $0 }
    }

    /// The socket takes bytes again, or no more.
    package mutating func writabilityChanged(isWritable: Bool, now: NIODeadline) {
        stuckSince = isWritable ? nil : stuckSince ?? now
    }

    /// What is due now.
    package mutating func sweep(at now: NIODeadline) -> Action {
        if let stuckSince, now - stuckSince >= configuration.writeTimeout { return .closeStuck }
        if let awaitingPongSince, now - awaitingPongSince >= configuration.pongTimeout { return .closeSilent }
        guard now - lastPing >= configuration.pingInterval else { return .nothing }
        lastPing = now
        if awaitingPongSince == nil { awaitingPongSince = now }
        return .sendPing
    }
}
