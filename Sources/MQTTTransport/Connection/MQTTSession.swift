import Foundation
import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One client's life with its broker: connecting, subscribing, reading batches, reconnecting.
///
///     offline ──▶ dialing ──▶ connecting ──▶ connected
///                  ▲  │           │             │
///                  │  └─ failed ──┴─────────────┘
///                  └──── waiting ◀─┘
///
/// `@unchecked Sendable`: created by ``MQTTClient`` and from then on touched on its ``MQTTLoop``'s thread only.
final class MQTTSession: @unchecked Sendable {
    enum Phase {
        /// Not meant to be connected.
        case offline
        /// A thread of the dialer has the handle, looks up the name and connects TCP.
        case dialing(deadline: ContinuousClock.Instant)
        /// TLS and CONNECT are on their way; the answer is due at the deadline.
        case connecting(deadline: ContinuousClock.Instant)
        case connected(since: ContinuousClock.Instant)
        case waiting(until: ContinuousClock.Instant)
        case stopped
    }

    static let keepAliveInterval = Duration.seconds(1)

    let configuration: MQTTConfiguration
    let handler: (any MQTTBatchHandler)?
    let shared: MQTTClientState
    let loop: MQTTLoop
    let logger: Logger
    var random: any RandomNumberGenerator & Sendable

    var phase = Phase.offline
    /// Away while a dialer's thread has it.
    var handle: MosquittoHandle?
    /// Counts attempts, to know the results of those that were given up.
    var dialNumber = 0
    var negotiation: ProtocolNegotiation
    var backoff: ReconnectBackoff
    var nextKeepAlive = ContinuousClock.now
    var isFirstBatch = true
    var sessionPresent = false
    /// Whether this client has subscribed before, so that a session that is present knows all of it.
    var hasSubscribed = false
    var subscribing: [Int32: MQTTSubscription] = [:]
    var outbound: MQTTOutbound
    /// Whether a batch ended before the socket was dry. With TLS, `poll` does not tell of what is decrypted already.
    private(set) var hasUnread = false
    /// Until then what comes is left to gather; see ``MQTTConfiguration/batchInterval``.
    private var restsUntil = ContinuousClock.now
    /// A larger batch is worth its transaction: a broker that lets only so many be unacknowledged is not kept waiting.
    private static let restfulBatchCount = 16

    init(
        configuration: MQTTConfiguration,
        handler: (any MQTTBatchHandler)?,
        shared: MQTTClientState,
        loop: MQTTLoop,
        random: any RandomNumberGenerator & Sendable,
        logger: Logger
    ) {
        self.configuration = configuration
        self.handler = handler
        self.shared = shared
        self.loop = loop
        self.random = random
        self.logger = logger
        self.negotiation = ProtocolNegotiation(configuration.protocolVersion)
        self.backoff = ReconnectBackoff(configuration: configuration.backoff)
        self.outbound = MQTTOutbound(shared: shared)
    }

    // MARK: Orders

    /// Connects, and from then on reconnects by itself.
    func connect() {
        guard case .offline = phase else { return }
        attempt()
    }

    /// Disconnects and stays away until ``connect()``. Without `gracefully` the socket just breaks, and the broker
    /// publishes the will.
    func goOffline(gracefully: Bool) {
        if case .stopped = phase { return }
        if gracefully { sayGoodbye(within: Self.keepAliveInterval) }
        leave()
        phase = .offline
        outbound.connectionLost()
        // libmosquitto would send an unacknowledged farewell again, after the next connect.
        if gracefully { dropHandle() }
        shared.update { $0.state = .disconnected }
    }

    /// Says goodbye and gives everything up.
    func stop(within deadline: Duration) {
        if case .stopped = phase { return }
        sayGoodbye(within: deadline)
        leave()
        phase = .stopped
        outbound.abandon()
        handle = nil
        shared.update { $0.state = .stopped }
    }

    /// Publishes with the loop's next round, or keeps what must arrive until there is a connection.
    func publish(_ publication: MQTTPublication, completion: (@Sendable (Bool) -> Void)?) {
        outbound.add(publication, completion: completion, isConnected: isConnected)
    }

    var isConnected: Bool {
        if case .connected = phase { true } else { false }
    }

    // MARK: Loop

    /// What `poll` waits for, while there is a socket.
    var pollDescriptor: pollfd? {
        switch phase {
        case .connecting, .connected: break
        case .offline, .dialing, .waiting, .stopped: return nil
        }
        guard let handle, let socket = handle.socket else { return nil }
        let reading = restsUntil > .now ? 0 : Int16(POLLIN)
        return pollfd(fd: socket, events: reading | (handle.wantsWrite ? Int16(POLLOUT) : 0), revents: 0)
    }

    /// Does what is due, and tells when something will be.
    func tick(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        switch phase {
        case .offline, .stopped: return nil
        case .waiting(let until):
            if now >= until { attempt() }
            return until
        case .dialing(let deadline), .connecting(let deadline):
            if now >= deadline { timedOut() }
            return deadline
        case .connected:
            if now >= nextKeepAlive { keepAlive(at: now) }
            if outbound.hasWaiting, sendOutbound() { flush() }
            return restsUntil > now ? min(restsUntil, nextKeepAlive) : nextKeepAlive
        }
    }

    private func keepAlive(at now: ContinuousClock.Instant) {
        nextKeepAlive = now + Self.keepAliveInterval
        do throws(MQTTError) {
            try handle?.keepAlive()
        } catch {
            return fail(error)
        }
        flush()
    }

    /// The socket has something: read a batch, hand it on, and only then write.
    func serve(_ readiness: Int16) {
        guard let handle else { return }
        var failure: MQTTError?
        do throws(MQTTError) {
            hasUnread = try read(from: handle, isBroken: readiness & Int16(POLLERR | POLLHUP | POLLNVAL) != 0)
        } catch {
            failure = error
            hasUnread = false
        }
        processEvents()
        // Refused for its version: another handle is on its way.
        guard self.handle === handle else { return }
        // What was read is handed on even when the connection broke: the broker may be gone for good.
        let messages = handle.takeMessages()
        if !messages.isEmpty {
            guard accept(messages) else { return }
            let interval = configuration.batchInterval
            if !hasUnread, interval != .zero, Self.restfulBatchCount > messages.count {
                restsUntil = .now + interval
            }
        }
        if let failure { return fail(failure, hasHungUp: true) }
        flush(acknowledging: messages.count)
    }

    /// Reads until the socket is dry (false) or the batch is full (true).
    private func read(from handle: MosquittoHandle, isBroken: Bool) throws(MQTTError) -> Bool {
        var packetCount = 0
        while handle.messageCount < configuration.maxBatchMessages, handle.messageBytes < configuration.maxBatchBytes,
            packetCount < 2 * configuration.maxBatchMessages
        {
            guard try handle.read() else {
                // During a TLS handshake the library does not see that the socket broke.
                if isBroken, packetCount == 0 { throw .connectionFailed("the broker closed the connection") }
                return false
            }
            packetCount += 1
            if handle.socket == nil { return false }
        }
        return true
    }
}
