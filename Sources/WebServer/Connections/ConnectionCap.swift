import Core
import DequeModule
package import Logging
import NIOCore
import Synchronization

/// Bounds the open connections, in total and per address, below what the process has descriptors for.
///
/// The listening channel counts a connection before anything is read of it. When all places are taken, the connection
/// that has been waiting longest without a request gives up its place; only when all of them are working is a new one
/// refused. Addresses are checked when a connection becomes active. Thread-safe.
package final class ConnectionCap: Sendable {
    /// The bounds; 0 turns one off.
    package struct Limits: Sendable {
        /// Connections at once.
        package var connections: Int
        /// Connections of one address at once.
        package var addressConnections: Int
        /// Addresses without bounds of their own, such as that of a proxy.
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
        /// Since when it waits without a request, as a number that only grows; 0 while it works.
        fileprivate let waitingSince = Atomic<UInt64>(0)

        fileprivate init(_ channel: any Channel) {
            self.channel = channel
        }
    }

    /// The verdict on an accepted connection.
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
        /// Those that wait, the longest first; entries whose number is not the place's any more are stale.
        var waiting = Deque<Waiting>()
        var places: [ObjectIdentifier: Place] = [:]
        var addresses: [String: Int] = [:]
    }

    /// Connections above the limit that may exist until their sockets are closed.
    static let slack = 16

    private let limits: Limits
    private let state = Lock(State())
    private let metrics: EdgeMetrics
    private let log: PacedLog

    package init(limits: Limits, metrics: EdgeMetrics, logger: Logger) {
        self.limits = limits
        self.metrics = metrics
        self.log = PacedLog(logger)
    }

    /// Connections that are open now, those that are being closed included.
    package var count: Int { state.withLock { $0.count } }

    /// Whether so many sockets wait to be closed that no more should be accepted.
    var isExhausted: Bool {
        limits.connections > 0 && count >= limits.connections + Self.slack
    }

    /// Counts a connection until its channel is closed.
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

    /// Counts an active connection for its address until its channel is closed; false when there are too many.
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

    /// A request came on that connection: it works, and keeps its place.
    func works(_ channel: any Channel) {
        state.withLock { $0.places[ObjectIdentifier(channel)] }?.waitingSince.store(0, ordering: .relaxed)
    }

    /// The connection waits for a next request: from now on it may lose its place.
    func waits(_ channel: any Channel) {
        state.withLock { state in
            guard let place = state.places[ObjectIdentifier(channel)] else { return }
            Self.wait(place, in: &state)
        }
    }

    /// The connection became a WebSocket, which never gives up its place.
    func upgraded(_ channel: any Channel) {
        state.withLock { $0.places.removeValue(forKey: ObjectIdentifier(channel)) }?
            .waitingSince.store(0, ordering: .relaxed)
    }

    /// Says that the system has no descriptors left.
    func acceptFailed(_ error: any Error) {
        metrics.acceptFailed()
        log.warning("Connections cannot be accepted; trying again", metadata: ["error": "\(error)"])
    }

    private func refused(_ reason: EdgeMetrics.Refusal, address: String?) {
        metrics.connectionRefused(reason)
        var metadata: Logger.Metadata = [
            "reason": "\(reason)", "connections": "\(limits.connections)",
            "address_connections": "\(limits.addressConnections)",
        ]
        if let address { metadata["address"] = "\(address)" }
        log.warning("Connections are refused because there are too many", metadata: metadata)
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
        // Stale entries are as many as requests since: let them not become more than the connections.
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

/// An address as limits count it: IPv6 addresses by their first 64 bits, of which one subscriber has all that follow.
struct AddressKey: Hashable, Sendable {
    /// The address itself, as settings name it.
    let name: String
    /// The key under which addresses are counted together.
    let group: String

    /// `nil` for an address that is not of the Internet protocol.
    init?(_ address: SocketAddress?) {
        guard let address, let text = address.ipAddress else { return nil }
        switch address {
        case .v6:
            // The address stands behind family, port and flow information (RFC 3493, section 3.3).
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
