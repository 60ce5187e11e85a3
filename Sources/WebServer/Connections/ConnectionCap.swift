import Core
import DequeModule
import Foundation
package import Logging
import NIOCore
import Synchronization

/// Bounds the open connections, in total and per address, below the process's limit of file descriptors.
///
/// The listening channel counts a connection before any byte of it is read. When all places are taken, the connection
/// that has been idle longest loses its place. A new one is refused only when all others are busy. The limit per
/// address is checked when a connection becomes active. Thread-safe.
package final class ConnectionCap: Sendable {
    /// The limits; 0 disables one.
    package struct Limits: Sendable {
        /// The largest number of simultaneous connections.
        package var connections: Int
        /// The largest number of simultaneous connections per address.
        package var addressConnections: Int
        /// Addresses without a limit of their own, such as that of a proxy.
        package var exemptAddresses: Set<String>

        package init(connections: Int = 0, addressConnections: Int = 0, exemptAddresses: Set<String> = []) {
            self.connections = connections
            self.addressConnections = addressConnections
            self.exemptAddresses = exemptAddresses
        }
    }

    /// The place of one connection.
    final class Place: Sendable {
        fileprivate let channel: any Channel
        /// The tick at which the connection began to wait for a request; 0 while it is busy.
        fileprivate let waitingSince = Atomic<UInt64>(0)

        fileprivate init(_ channel: any Channel) {
            self.channel = channel
        }
    }

    /// The decision on an accepted connection.
    enum Decision: Equatable {
        case admitted
        case refused
    }

    private struct Waiting {
        var place: Place
        var since: UInt64
    }

    private struct State {
        var count = 0
        var tick: UInt64 = 0
        /// Waiting connections, the longest wait first. An entry is stale when its tick differs from its place's.
        var waiting = Deque<Waiting>()
        var places: [ObjectIdentifier: Place] = [:]
        var addresses: [String: Int] = [:]
    }

    /// Connections that may exist above the limit until their sockets are closed.
    static let slack = 16

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

    /// True when so many sockets wait to be closed that no more should be accepted.
    var isExhausted: Bool {
        limits.connections > 0 && count >= limits.connections + Self.slack
    }

    /// Counts a connection until its channel closes.
    func open(_ channel: any Channel) -> Decision {
        let place = Place(channel)
        let (decision, victim): (Decision, (any Channel)?) = state.withLock { state in
            state.count += 1
            if limits.connections > 0, state.count > limits.connections {
                guard let victim = Self.longestWaiting(in: &state) else { return (.refused, nil) }
                Self.note(place, in: &state)
                return (.admitted, victim.channel)
            }
            Self.note(place, in: &state)
            return (.admitted, nil)
        }
        if let victim {
            metrics.connectionRefused(.idle)
            victim.close(promise: nil)
        }
        if decision == .refused { refused(.total, address: nil) }
        channel.closeFuture.whenComplete { [self] _ in close(place, wasAdmitted: decision == .admitted) }
        return decision
    }

    /// Counts an active connection for its address until its channel closes; returns false when the address has too
    /// many.
    func enter(_ channel: any Channel) -> Bool {
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

    /// Marks the connection as busy when a request arrives, so that it keeps its place.
    func works(_ channel: any Channel) {
        state.withLock { $0.places[ObjectIdentifier(channel)] }?.waitingSince.store(0, ordering: .relaxed)
    }

    /// Marks the connection as waiting for a request, so that it may lose its place.
    func waits(_ channel: any Channel) {
        state.withLock { state in
            guard let place = state.places[ObjectIdentifier(channel)] else { return }
            Self.wait(place, in: &state)
        }
    }

    /// Marks the connection as a WebSocket, which never loses its place.
    func upgraded(_ channel: any Channel) {
        state.withLock { $0.places.removeValue(forKey: ObjectIdentifier(channel)) }?
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

    private func close(_ place: Place, wasAdmitted: Bool) {
        place.waitingSince.store(0, ordering: .relaxed)
        state.withLock { state in
            state.count -= 1
            if wasAdmitted { state.places[ObjectIdentifier(place.channel)] = nil }
        }
    }

    private static func note(_ place: Place, in state: inout State) {
        state.places[ObjectIdentifier(place.channel)] = place
        wait(place, in: &state)
    }

    private static func wait(_ place: Place, in state: inout State) {
        state.tick += 1
        place.waitingSince.store(state.tick, ordering: .relaxed)
        // Every request leaves a stale entry; remove them before they outnumber the connections.
        if state.waiting.count > 2 * state.places.count + 64 {
            state.waiting.removeAll { !isCurrent($0) }
        }
        state.waiting.append(Waiting(place: place, since: state.tick))
    }

    private static func isCurrent(_ waiting: Waiting) -> Bool {
        waiting.place.waitingSince.load(ordering: .relaxed) == waiting.since
    }

    private static func longestWaiting(in state: inout State) -> Place? {
        while let first = state.waiting.popFirst() {
            guard isCurrent(first) else { continue }
            first.place.waitingSince.store(0, ordering: .relaxed)
            return first.place
        }
        return nil
    }
}

/// An address as the limits count it. IPv6 addresses are grouped by their /64 prefix, because one subscriber holds all
/// addresses in it.
struct AddressKey: Hashable, Sendable {
    /// The address itself, as settings name it.
    let name: String
    /// The key under which addresses are counted together.
    let group: String

    /// Returns `nil` for an address that is neither IPv4 nor IPv6.
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

/// The first handler of the listening channel. Counts accepted connections, closes those above the limit, and pauses
/// accepting when the system runs out of file descriptors.
///
/// NIO's own back-off does not help: after `EMFILE` the channel stays registered for reading, and the loop spins in
/// `accept`. Disabling auto-read removes it from the selector.
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
        switch cap.open(channel) {
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
