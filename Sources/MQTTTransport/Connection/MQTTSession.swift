import Foundation
import Logging
import Telemetry

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One client's life with its broker: connecting, subscribing, reading batches, reconnecting.
///
/// `@unchecked Sendable`: created by ``MQTTClient`` and from then on touched on its ``MQTTLoop``'s thread only.
final class MQTTSession: @unchecked Sendable {
    private enum Phase {
        /// Not meant to be connected.
        case offline
        /// CONNECT is out; its answer is due at the deadline.
        case connecting(deadline: ContinuousClock.Instant)
        case connected(since: ContinuousClock.Instant)
        case waiting(until: ContinuousClock.Instant)
        case stopped
    }

    /// Time for TLS and the answer to CONNECT.
    private static let connectTimeout = Duration.seconds(10)
    private static let keepAliveInterval = Duration.seconds(1)
    /// Time at the end for what is still to be written.
    private static let farewellTimeout = Duration.seconds(1)
    /// Reason codes that mean "not this protocol version": MQTT 5's and 3.1.1's.
    private static let unsupportedVersionCodes: Set<Int> = [0x84, 1]

    private let configuration: MQTTConfiguration
    private let handler: (any MQTTBatchHandler)?
    private let shared: MQTTClientState
    private let logger: Logger
    private var random: any RandomNumberGenerator & Sendable

    private var phase = Phase.offline
    private var handle: MosquittoHandle?
    private var protocolLevel: Int
    /// Whether 3.1.1 is tried because the broker hung up on MQTT 5 without a word, which may mean anything.
    private var isGuessingVersion = false
    private var backoff: ReconnectBackoff
    private var nextKeepAlive = ContinuousClock.now
    private var isFirstBatch = true
    private var sessionPresent = false
    private var subscribing: [Int32: MQTTSubscription] = [:]
    private var outbound: MQTTOutbound

    init(
        configuration: MQTTConfiguration,
        handler: (any MQTTBatchHandler)?,
        shared: MQTTClientState,
        random: any RandomNumberGenerator & Sendable,
        logger: Logger
    ) {
        self.configuration = configuration
        self.handler = handler
        self.shared = shared
        self.random = random
        self.logger = logger
        self.protocolLevel = configuration.protocolVersion == .v311 ? 4 : 5
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
        if gracefully { sayGoodbye() }
        breakSocket()
        phase = .offline
        outbound.connectionLost()
        shared.update { $0.state = .disconnected }
    }

    /// Says goodbye and gives everything up.
    func stop() {
        if case .stopped = phase { return }
        sayGoodbye()
        breakSocket()
        phase = .stopped
        outbound.abandon()
        handle = nil
        shared.update { $0.state = .stopped }
    }

    /// Publishes, or keeps what must arrive until there is a connection.
    func publish(_ publication: MQTTPublication, completion: (@Sendable (Bool) -> Void)?) {
        outbound.add(publication, completion: completion)
        guard case .connected = phase else { return outbound.dropUnsent() }
        sendOutbound()
        flush()
    }

    // MARK: Loop

    /// What `poll` waits for, while there is a socket.
    var pollDescriptor: pollfd? {
        switch phase {
        case .connecting, .connected: break
        case .offline, .waiting, .stopped: return nil
        }
        guard let handle, let socket = handle.socket else { return nil }
        return pollfd(fd: socket, events: Int16(POLLIN) | (handle.wantsWrite ? Int16(POLLOUT) : 0), revents: 0)
    }

    /// Does what is due, and tells when something will be.
    func tick(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        switch phase {
        case .offline, .stopped: return nil
        case .waiting(let until):
            if now >= until { attempt() }
            return until
        case .connecting(let deadline):
            if now >= deadline { fail(.connectionFailed("no answer to CONNECT in \(Self.connectTimeout)")) }
            return deadline
        case .connected:
            guard now >= nextKeepAlive, let handle else { return nextKeepAlive }
            nextKeepAlive = now + Self.keepAliveInterval
            do throws(MQTTError) {
                try handle.keepAlive()
            } catch {
                processEvents()
                fail(error)
            }
            flush()
            return nextKeepAlive
        }
    }

    /// The socket has something: read a batch, hand it on, and only then write.
    func serve() {
        guard let handle else { return }
        var failure: MQTTError?
        do throws(MQTTError) {
            while handle.messageCount < configuration.maxBatchMessages {
                if try handle.read() { break }
                guard handle.socket != nil else { break }
            }
        } catch {
            failure = error
        }
        processEvents()
        // What was read is handed on even when the connection broke: the broker may be gone for good.
        let messages = handle.takeMessages()
        if !messages.isEmpty, !accept(messages) { return }
        if let failure { return fail(failure) }
        flush(acknowledging: messages.count)
    }

    // MARK: Connecting

    private func attempt() {
        shared.update { $0.state = .connecting }
        phase = .connecting(deadline: .now + Self.connectTimeout)
        do throws(MQTTError) {
            if handle == nil {
                handle = try MosquittoHandle(configuration: configuration, protocolLevel: protocolLevel)
            }
            try handle?.connect(to: configuration, protocolLevel: protocolLevel)
            flush()
        } catch {
            fail(error)
        }
    }

    private func processEvents() {
        guard let handle else { return }
        for event in handle.takeEvents() {
            switch event {
            case .connectAnswered(let reasonCode, let present):
                if reasonCode == 0 { connected(sessionPresent: present) } else { refused(reasonCode) }
            case .subscribeAnswered(let packetID, let reasonCodes): subscribed(packetID, reasonCodes)
            case .published(let packetID, _): outbound.completed(packetID)
            case .disconnected(let reasonCode):
                // 0 is our own DISCONNECT; below 0x80 are the library's own codes, which its calls throw as well.
                if reasonCode >= 0x80 {
                    let meaning = MosquittoHandle.meaning(ofReasonCode: reasonCode, protocolLevel: 5)
                    fail(.refused(reasonCode: reasonCode, meaning))
                }
            }
        }
        if case .connected = phase { sendOutbound() }
    }

    private func connected(sessionPresent present: Bool) {
        let now = ContinuousClock.now
        phase = .connected(since: now)
        nextKeepAlive = now + Self.keepAliveInterval
        isFirstBatch = true
        sessionPresent = present
        let level = protocolLevel
        shared.update {
            $0.state = .connected(protocolLevel: level, sessionPresent: present)
            $0.counters.connects += 1
            $0.refusedSubscriptions = []
        }
        logger.info(
            "Connected to the broker",
            metadata: [
                "broker": "\(configuration)", "protocol": "\(level == 5 ? "5" : "3.1.1")",
                "session_present": "\(present)",
            ])
        subscribing = [:]
        for subscription in MQTTSubscription.minimal(configuration.subscriptions) {
            do throws(MQTTError) {
                guard let id = try handle?.subscribe(to: subscription, protocolLevel: level) else { return }
                subscribing[id] = subscription
            } catch {
                return fail(error)
            }
        }
        if let birth = configuration.birth { outbound.addFirst(birth) }
    }

    private func subscribed(_ packetID: Int32, _ reasonCodes: [Int]) {
        guard let subscription = subscribing.removeValue(forKey: packetID) else { return }
        guard let code = reasonCodes.first(where: { $0 >= 0x80 }) else { return }
        let reason = MosquittoHandle.meaning(ofReasonCode: code, protocolLevel: 5)
        let error = MQTTError.subscriptionRefused(filter: subscription.filter.rawValue, reason)
        shared.update { $0.refusedSubscriptions.append(error) }
        logger.error("\(error)")
    }

    private func refused(_ reasonCode: Int) {
        let meaning = MosquittoHandle.meaning(ofReasonCode: reasonCode, protocolLevel: protocolLevel)
        if configuration.protocolVersion == .automatic, protocolLevel == 5,
            Self.unsupportedVersionCodes.contains(reasonCode)
        {
            logger.notice("The broker refuses MQTT 5; going on with 3.1.1")
            isGuessingVersion = false
            switchProtocol(to: 4)
            return attempt()
        }
        fail(.refused(reasonCode: reasonCode, meaning))
    }

    private func switchProtocol(to level: Int) {
        breakSocket()
        protocolLevel = level
        handle = nil
        outbound.handleLost()
    }

    // MARK: Failing

    private func fail(_ error: MQTTError) {
        let held: Duration?
        switch phase {
        case .connecting: held = nil
        case .connected(let since): held = .now - since
        case .offline, .waiting, .stopped: return
        }
        breakSocket()
        outbound.connectionLost()
        guessVersion(after: error, wasConnected: held != nil)
        let wait = nextWait(held: held)
        phase = .waiting(until: .now + wait)
        shared.update {
            $0.state = .waiting(error)
            $0.counters.connectFailures += 1
        }
        logger.warning(
            "\(held == nil ? "Cannot connect to the broker" : "The broker's connection broke")",
            metadata: ["broker": "\(configuration)", "error": "\(error)", "retry_in": "\(wait)"])
    }

    private func nextWait(held: Duration?) -> Duration {
        var random = self.random
        defer { self.random = random }
        return backoff.next(held: held, random: &random)
    }

    /// A broker that hangs up on CONNECT may be too old for MQTT 5, or just starting: try the other version next.
    private func guessVersion(after error: MQTTError, wasConnected: Bool) {
        guard configuration.protocolVersion == .automatic else { return }
        if isGuessingVersion {
            isGuessingVersion = false
            switchProtocol(to: 5)
        } else if !wasConnected, protocolLevel == 5, case .connectionFailed = error, handle?.socket != nil {
            isGuessingVersion = true
            switchProtocol(to: 4)
        }
    }

    /// Breaks the connection without a word. Queued acknowledgements are never written; the next connect discards
    /// them.
    private func breakSocket() {
        if let socket = handle?.socket { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    // MARK: Messages

    /// Hands a batch on; false when it was not taken and the connection was dropped for it.
    private func accept(_ messages: [MQTTMessage]) -> Bool {
        let batch = MQTTBatch(
            messages: messages, isFirstAfterConnect: isFirstBatch, sessionPresent: sessionPresent)
        let bytes = messages.reduce(0) { $0 + $1.payload.count }
        do {
            try handler?.accept(batch)
            isFirstBatch = false
            shared.update {
                $0.counters.messagesReceived += messages.count
                $0.counters.bytesReceived += bytes
                $0.counters.batches += 1
            }
            return true
        } catch {
            shared.update { $0.counters.batchesRefused += 1 }
            logger.error(
                "A batch could not be taken; the broker will deliver it again",
                metadata: ["messages": "\(messages.count)", "error": "\(error)"])
            fail(.connectionFailed("a batch could not be taken: \(error)"))
            return false
        }
    }

    private func sendOutbound() {
        guard let handle else { return }
        let level = protocolLevel
        outbound.send { publication throws(MQTTError) in
            try handle.publish(publication, protocolLevel: level)
        }
    }

    /// Writes what waits. Many acknowledgements go out as one segment instead of one each.
    private func flush(acknowledging count: Int = 0) {
        guard let handle, let socket = handle.socket else { return }
        let isCorked = count > 1
        if isCorked { setCork(socket, 1) }
        do throws(MQTTError) {
            try handle.write()
        } catch {
            processEvents()
            return fail(error)
        }
        if isCorked, handle.socket != nil { setCork(socket, 0) }
        processEvents()
    }

    private func setCork(_ socket: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private func sayGoodbye() {
        guard case .connected = phase, let handle else { return }
        if let farewell = configuration.farewell { _ = try? handle.publish(farewell, protocolLevel: protocolLevel) }
        handle.disconnect()
        let deadline = ContinuousClock.now + Self.farewellTimeout
        while let socket = handle.socket, ContinuousClock.now < deadline {
            guard (try? handle.write()) != nil, handle.socket != nil else { return }
            var descriptor = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
            poll(&descriptor, 1, 50)
        }
    }
}
