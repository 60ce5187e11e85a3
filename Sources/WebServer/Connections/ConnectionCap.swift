import Core
import DequeModule
import Foundation
package import Logging
import NIOCore
import Synchronization

/// A limit on the open connections, in total and per address, so that the process does not run out of file descriptors.
///
/// The listening channel counts a connection before any byte of it is read. At the total limit, a new connection
/// replaces the one that has waited longest for a request, or for its client to close it after the last answer. If all
/// others are busy or WebSockets, the new connection is refused. The limit per address is checked when a connection
/// becomes active. Thread-safe.
package final class ConnectionCap: Sendable {
    /// The limits on open connections; 0 disables a limit.
    package struct Limits: Sendable {
        /// The largest number of simultaneous connections.
        package var connections: Int
        /// The largest number of simultaneous connections per address.
        package var addressConnections: Int
        /// Addresses to which the limit per address does not apply, such as that of a proxy.
        package var exemptAddresses: Set<String>

        package init(connections: Int = 0, addressConnections: Int = 0, exemptAddresses: Set<String> = []) {
            self.connections = connections
            self.addressConnections = addressConnections
            self.exemptAddresses = exemptAddresses
        }
    }

    /// A counted connection, with its state: busy or waiting.
    final class TrackedConnection: Sendable {
        fileprivate let channel: any Channel
        /// The value of `State.tick` when the connection began to wait; 0 while it is busy.
        fileprivate let waitingSince = Atomic<UInt64>(0)

        fileprivate init(_ channel: any Channel) {
            self.channel = channel
        }
    }

    /// The decision whether a new connection may stay open.
    enum Decision: Equatable {
        case admitted
        case refused
    }

    /// An entry of the queue of waiting connections.
    private struct Waiting {
        var connection: TrackedConnection
        var since: UInt64
    }

    private struct State {
        var count = 0
        var tick: UInt64 = 0
        /// The waiting connections, the longest wait first. An entry is stale if its `since` differs
        /// from the `waitingSince` of its connection.
        var waiting = Deque<Waiting>()
        var connections: [ObjectIdentifier: TrackedConnection] = [:]
        var addresses: [String: Int] = [:]
    }

    /// The number of connections above the limit at which accepting pauses. The limit is exceeded for a short time,
    /// because a connection that is refused or replaced still counts until its socket is closed.
    static let maxExcess = 16

    private let limits: Limits
    private let state = Lock(State())
    private let metrics: EdgeMetrics
    private let log: RateLimitedLogger
    private let clock = SystemWallClock()

    package init(limits: Limits, metrics: EdgeMetrics, logger: Logger) {
        self.limits = limits
        self.metrics = metrics
        self.log = RateLimitedLogger(logger)
    }

    /// The number of open connections, including those that are being closed.
    package var count: Int { state.withLock { $0.count } }

    /// True when so many sockets are about to be closed that no more connections should be accepted.
    var isExhausted: Bool {
        limits.connections > 0 && count >= limits.connections + Self.maxExcess
    }

    /// Counts a connection until its channel closes. At the total limit, also closes the connection that has waited
    /// longest, or refuses the new one if none waits.
    func admit(_ channel: any Channel) -> Decision {
        let connection = TrackedConnection(channel)
        let (decision, victim): (Decision, (any Channel)?) = state.withLock { state in
            state.count += 1
            if limits.connections > 0, state.count > limits.connections {
                guard let victim = Self.longestWaiting(in: &state) else { return (.refused, nil) }
                Self.track(connection, in: &state)
                return (.admitted, victim.channel)
            }
            Self.track(connection, in: &state)
            return (.admitted, nil)
        }
        if let victim {
            metrics.connectionRefused(.idle)
            victim.close(promise: nil)
        }
        if decision == .refused { refused(.total, address: nil) }
        channel.closeFuture.whenComplete { [self] _ in untrack(connection, wasAdmitted: decision == .admitted) }
        return decision
    }

    /// Counts an active connection for its address until its channel closes. Returns false if the address already has
    /// as many as it may have.
    func admitAddress(of channel: any Channel) -> Bool {
        guard limits.addressConnections > 0, let address = AddressKey(channel.remoteAddress),
            !limits.exemptAddresses.contains(address.name)
        else { return true }
        let isAdmitted = state.withLock { state in
            let count = state.addresses[address.group] ?? 0
            guard count < limits.addressConnections else { return false }
            state.addresses[address.group] = count + 1
            return true
        }
        guard isAdmitted else {
            refused(.address, address: address.name)
            return false
        }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { state in
                guard let count = state.addresses[address.group] else { return }
                state.addresses[address.group] = count > 1 ? count - 1 : nil
            }
        }
        return true
    }

    /// Marks the connection as busy when a request arrives, so that no new connection replaces it.
    func markBusy(_ channel: any Channel) {
        state.withLock { $0.connections[ObjectIdentifier(channel)] }?.waitingSince.store(0, ordering: .relaxed)
    }

    /// Marks the connection as waiting for a request or for its end, so that a new connection may replace it.
    func markWaiting(_ channel: any Channel) {
        state.withLock { state in
            guard let connection = state.connections[ObjectIdentifier(channel)] else { return }
            Self.appendWaiting(connection, in: &state)
        }
    }

    /// Marks the connection as a WebSocket, which no new connection ever replaces.
    func markUpgraded(_ channel: any Channel) {
        state.withLock { $0.connections.removeValue(forKey: ObjectIdentifier(channel)) }?
            .waitingSince.store(0, ordering: .relaxed)
    }

    /// Counts and logs a failed `accept`, caused by a lack of file descriptors or buffers.
    func acceptFailed(_ error: any Error) {
        metrics.acceptFailed()
        log.warning("Accepting connections failed; retrying", metadata: ["error": "\(error)"], at: clock.now())
    }

    private func refused(_ reason: EdgeMetrics.Refusal, address: String?) {
        metrics.connectionRefused(reason)
        var metadata: Logger.Metadata = [
            "reason": "\(reason)", "connections": "\(limits.connections)",
            "address_connections": "\(limits.addressConnections)",
        ]
        if let address { metadata["address"] = "\(address)" }
        log.warning("Connections are refused because too many are open", metadata: metadata, at: clock.now())
    }

    private func untrack(_ connection: TrackedConnection, wasAdmitted: Bool) {
        connection.waitingSince.store(0, ordering: .relaxed)
        state.withLock { state in
            state.count -= 1
            if wasAdmitted { state.connections[ObjectIdentifier(connection.channel)] = nil }
        }
    }

    private static func track(_ connection: TrackedConnection, in state: inout State) {
        state.connections[ObjectIdentifier(connection.channel)] = connection
        appendWaiting(connection, in: &state)
    }

    private static func appendWaiting(_ connection: TrackedConnection, in state: inout State) {
        state.tick += 1
        connection.waitingSince.store(state.tick, ordering: .relaxed)
        // Every request leaves a stale entry; remove them before they outnumber the connections.
        if state.waiting.count > 2 * state.connections.count + 64 {
            state.waiting.removeAll { !isCurrent($0) }
        }
        state.waiting.append(Waiting(connection: connection, since: state.tick))
    }

    private static func isCurrent(_ waiting: Waiting) -> Bool {
        waiting.connection.waitingSince.load(ordering: .relaxed) == waiting.since
    }

    private static func longestWaiting(in state: inout State) -> TrackedConnection? {
        while let first = state.waiting.popFirst() {
            guard isCurrent(first) else { continue }
            first.connection.waitingSince.store(0, ordering: .relaxed)
            return first.connection
        }
        return nil
    }
}

/// An IP address, and the key under which the limits per address count it. IPv6 addresses are grouped by their /64
/// prefix, because one subscriber holds all addresses in it. An IPv4-mapped IPv6 address counts as the IPv4 address.
struct AddressKey: Hashable, Sendable {
    /// The text of the address, to compare with exempt addresses in the settings.
    let name: String
    /// The key under which addresses are counted together: an IPv4 address, or the /64 prefix of an IPv6 address.
    let group: String

    /// Creates the key of an address; `nil` if it is neither IPv4 nor IPv6.
    init?(_ address: SocketAddress?) {
        guard let address, let text = address.ipAddress else { return nil }
        switch address {
        case .v6:
            // The address follows the family, port and flow information (RFC 3493, section 3.3).
            let bytes = address.withSockAddr { pointer, byteCount in
                Array(UnsafeRawBufferPointer(start: pointer, count: byteCount).dropFirst(8).prefix(16))
            }
            if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
                name = bytes.suffix(4).map { "\($0)" }.joined(separator: ".")
                group = name
            } else {
                name = text
                group = bytes.prefix(8).map { "\($0)" }.joined(separator: ".") + "/64"
            }
        default:
            name = text
            group = text
        }
    }
}

/// The first handler of the listening channel. It counts accepted connections, closes those that ``ConnectionCap``
/// refuses, and pauses accepting when the system runs out of file descriptors or too many sockets are about to be
/// closed.
///
/// NIO's own back-off does not help: after `EMFILE` the channel stays registered for reading, and the loop spins in
/// `accept`. Disabling auto-read removes the channel from the selector.
final class AcceptGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private static let pause = TimeAmount.milliseconds(100)

    private let cap: ConnectionCap
    private var isPaused = false

    init(cap: ConnectionCap) {
        self.cap = cap
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        switch cap.admit(channel) {
        case .admitted: context.fireChannelRead(data)
        case .refused: channel.close(promise: nil)
        }
        if cap.isExhausted { pause(context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        cap.acceptFailed(error)
        pause(context)
    }

    private func pause(_ context: ChannelHandlerContext) {
        guard !isPaused else { return }
        isPaused = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.scheduleTask(in: Self.pause) {
            let (handler, context) = bound.value
            handler.isPaused = false
            // Sockets that wait to be closed on busy loops still hold their file descriptors.
            if handler.cap.isExhausted { return handler.pause(context) }
            try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
