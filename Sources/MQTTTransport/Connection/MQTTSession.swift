import Foundation
import Logging
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The state machine of one client's connection: connecting, subscribing, reading batches, reconnecting.
///
///     offline ──▶ dialing ──▶ connecting ──▶ connected
///                  ▲  │           │             │
///                  │  └─ failed ──┴─────────────┘
///                  └──── waiting ◀─┘
///
/// `@unchecked Sendable`: created by ``MQTTClient``, and from then on accessed only on the thread of its ``MQTTLoop``.
final class MQTTSession: @unchecked Sendable {
    enum Phase {
        /// No connection is wanted.
        case offline
        /// A thread of ``MQTTDialer`` owns the ``MosquittoHandle``, resolves the host name and opens the TCP
        /// connection.
        case dialing(deadline: ContinuousClock.Instant)
        /// TLS and CONNECT are in progress. The CONNACK must arrive before the deadline.
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
    /// The libmosquitto client; `nil` when there is none, and while a thread of ``MQTTDialer`` owns it.
    var handle: MosquittoHandle?
    /// The number of the current attempt, used to ignore the results of abandoned ones.
    var dialNumber = 0
    var negotiation: ProtocolNegotiation
    var backoff: ReconnectBackoff
    var nextKeepAlive = ContinuousClock.now
    var isFirstBatch = true
    var sessionPresent = false
    /// True when this client has completed all of its subscriptions before, so that a resumed session includes them.
    var hasSubscribed = false
    var subscribing: [Int32: MQTTSubscription] = [:]
    /// The wanted subscriptions.
    var subscriptions: [MQTTSubscription]
    /// The filters of earlier subscriptions for which the broker has not yet confirmed that they ended.
    var surplusFilters: [TopicFilter] = []
    /// The packet ids of the UNSUBSCRIBEs on this connection that the broker has not answered yet.
    var unsubscribing: [TopicFilter: Int32] = [:]
    var outbound: MQTTOutbound
    /// True when the last batch was full, so that the socket may have more data. With TLS, `poll` does not report data
    /// that is already decrypted.
    private(set) var hasUnread = false
    /// The end of the current pause in reading; see ``MQTTConfiguration/batchInterval``.
    private var readPausedUntil = ContinuousClock.now
    /// The batch size from which there is no pause in reading. Larger batches justify a transaction of their own, and a
    /// broker that limits the number of unacknowledged messages must not be kept waiting.
    private static let pausingBatchCount = 16

    init(
        configuration: MQTTConfiguration,
        handler: (any MQTTBatchHandler)?,
        shared: MQTTClientState,
        loop: MQTTLoop,
        random: any RandomNumberGenerator & Sendable,
        logger: Logger
    ) {
        self.configuration = configuration
        self.subscriptions = configuration.subscriptions
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

    /// Connects, and reconnects automatically from then on.
    func connect() {
        guard case .offline = phase else { return }
        attempt()
    }

    /// Disconnects and stays offline until ``connect()``. Unless `gracefully` is true, only the socket is closed, and
    /// the broker publishes the last will.
    func goOffline(gracefully: Bool) {
        if case .stopped = phase { return }
        if gracefully { disconnectGracefully(within: Self.keepAliveInterval) }
        abandonConnection()
        phase = .offline
        outbound.connectionLost()
        // Otherwise libmosquitto would resend an unacknowledged farewell after the next connect.
        if gracefully { dropHandle() }
        shared.update { $0.state = .disconnected }
    }

    /// Disconnects gracefully and stops for good. Drops all publications that are left.
    func stop(within deadline: Duration) {
        if case .stopped = phase { return }
        disconnectGracefully(within: deadline)
        abandonConnection()
        phase = .stopped
        outbound.abandon()
        handle = nil
        shared.update { $0.state = .stopped }
    }

    /// Queues a publication, which the loop's next iteration sends. Without a connection, QoS 1 stays queued and QoS 0
    /// is dropped.
    func publish(_ publication: MQTTPublication, completion: (@Sendable (Bool) -> Void)?) {
        outbound.add(publication, completion: completion, isConnected: isConnected)
    }

    var isConnected: Bool {
        if case .connected = phase { true } else { false }
    }

    // MARK: Loop

    /// The socket and the events to poll for, or `nil` when there is no socket.
    var pollDescriptor: pollfd? {
        switch phase {
        case .connecting, .connected: break
        case .offline, .dialing, .waiting, .stopped: return nil
        }
        guard let handle, let socket = handle.socket else { return nil }
        let reading = readPausedUntil > .now ? 0 : Int16(POLLIN)
        return pollfd(fd: socket, events: reading | (handle.wantsWrite ? Int16(POLLOUT) : 0), revents: 0)
    }

    /// Performs the actions that are due, and returns the time of the next one.
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
            return readPausedUntil > now ? min(readPausedUntil, nextKeepAlive) : nextKeepAlive
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

    /// Handles socket readiness: reads a batch, passes it to the handler, and only then writes acknowledgements.
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
        // The broker refused the MQTT version, so another handle has replaced this one.
        guard self.handle === handle else { return }
        // Deliver what was read even if the connection broke, because the broker may be gone for good.
        let messages = handle.takeMessages()
        if !messages.isEmpty {
            guard accept(messages) else { return }
            let interval = configuration.batchInterval
            if !hasUnread, interval != .zero, Self.pausingBatchCount > messages.count {
                readPausedUntil = .now + interval
            }
        }
        if let failure { return fail(failure, hasHungUp: true) }
        flush(acknowledging: messages.count)
    }

    /// Reads packets. Returns true when the batch is full, and false when the socket has no more data.
    private func read(from handle: MosquittoHandle, isBroken: Bool) throws(MQTTError) -> Bool {
        var packetCount = 0
        while handle.messageCount < configuration.maxBatchMessages, handle.messageBytes < configuration.maxBatchBytes,
            packetCount < 2 * configuration.maxBatchMessages
        {
            guard try handle.read() else {
                // During a TLS handshake, libmosquitto does not notice that the socket broke.
                if isBroken, packetCount == 0 { throw .connectionFailed("the broker closed the connection") }
                return false
            }
            packetCount += 1
            if handle.socket == nil { return false }
        }
        return true
    }
}
