import Foundation
import Logging

extension MQTTSession {
    /// A box that carries a handle to a thread of ``MQTTDialer`` and back.
    ///
    /// `@unchecked Sendable`: ownership of the handle passes from thread to thread, so two threads never use it at
    /// once.
    private final class Transfer: @unchecked Sendable {
        let handle: MosquittoHandle
        init(_ handle: MosquittoHandle) { self.handle = handle }
    }

    // MARK: Attempts

    /// Starts a connection attempt.
    func attempt() {
        shared.update { $0.state = .connecting }
        dialNumber += 1
        phase = .dialing(deadline: .now + configuration.connectTimeout)
        let transfer: Transfer
        do throws(MQTTError) {
            if let handle {
                transfer = Transfer(handle)
            } else {
                transfer = Transfer(
                    try MosquittoHandle(configuration: configuration, protocolLevel: negotiation.level))
            }
        } catch {
            return fail(error)
        }
        handle = nil
        loop.dial { [self, dialNumber] in
            var failure: MQTTError?
            do throws(MQTTError) {
                try transfer.handle.connect()
            } catch {
                failure = error
            }
            loop.post { [self, failure] in dialed(dialNumber, transfer, failure) }
        }
    }

    private func dialed(_ number: Int, _ transfer: Transfer, _ failure: MQTTError?) {
        // The attempt was abandoned in the meantime. The handle is released here, which closes its socket.
        guard number == dialNumber, case .dialing(let deadline) = phase else { return }
        handle = transfer.handle
        phase = .connecting(deadline: deadline)
        if let failure { return fail(failure) }
        flush()
    }

    func timedOut() {
        fail(.connectionFailed("timed out after \(configuration.connectTimeout)"))
    }

    /// Breaks the connection, or abandons the current attempt.
    ///
    /// Writes nothing. Queued acknowledgements stay in the handle, and the next connect discards them.
    func abandonConnection() {
        if case .dialing = phase {
            dialNumber += 1
            outbound.handleLost()
        } else if let socket = handle?.socket {
            shutdown(socket, Int32(SHUT_RDWR))
        }
    }

    // MARK: Answers

    func processEvents() {
        guard let handle else { return }
        for event in handle.takeEvents() {
            switch event {
            case .connectAnswered(let reasonCode, let present):
                if reasonCode == 0 { connected(sessionPresent: present) } else { refused(reasonCode) }
            case .subscribeAnswered(let packetID, let reasonCodes): subscribed(packetID, reasonCodes)
            case .unsubscribeAnswered(let packetID): unsubscribed(packetID)
            case .published(let packetID, let reasonCode):
                outbound.completed(packetID, succeeded: reasonCode < 0x80)
            case .disconnected(let reasonCode):
                // 0 is our own DISCONNECT. Values below 0x80 are libmosquitto's own codes, which its functions report
                // as well.
                if reasonCode >= 0x80 {
                    let meaning = MosquittoHandle.meaning(ofReasonCode: reasonCode, protocolLevel: 5)
                    fail(.refused(reasonCode: reasonCode, meaning))
                }
            }
        }
    }

    private func connected(sessionPresent present: Bool) {
        let now = ContinuousClock.now
        phase = .connected(since: now)
        nextKeepAlive = now + Self.keepAliveInterval
        isFirstBatch = true
        sessionPresent = present
        if !present { handler?.sessionStarted() }
        negotiation.connected()
        let level = negotiation.level
        shared.update {
            $0.state = .connected(protocolLevel: level, sessionPresent: present)
            $0.counters.connects += 1
        }
        logger.info(
            "Connected to the broker",
            metadata: [
                "broker": "\(configuration)", "protocol": "\(level == 5 ? "5" : "3.1.1")",
                "session_present": "\(present)",
            ])
        subscribe()
        if let birth = configuration.birth { outbound.addFirst(birth) }
    }

    private func refused(_ reasonCode: Int) {
        let meaning = MosquittoHandle.meaning(ofReasonCode: reasonCode, protocolLevel: negotiation.level)
        if negotiation.failed(.refused(reasonCode: reasonCode)) { return retryWithOtherVersion() }
        fail(.refused(reasonCode: reasonCode, meaning))
    }

    private func retryWithOtherVersion() {
        logger.notice(
            "The broker does not support this MQTT version; trying another one",
            metadata: ["broker": "\(configuration)", "protocol": "\(negotiation.level == 5 ? "5" : "3.1.1")"])
        dropHandle()
        hasSubscribed = false
        attempt()
    }

    /// Discards the handle. Requeues its in-flight QoS 1 publications and drops those at QoS 0.
    func dropHandle() {
        handle = nil
        outbound.handleLost()
    }

    // MARK: Failures

    /// Ends a connection or an attempt after an error, and schedules the next attempt.
    ///
    /// - Parameter hasHungUp: true when the broker closed the connection.
    func fail(_ error: MQTTError, hasHungUp: Bool = false) {
        let held: Duration?
        var failure = ProtocolNegotiation.Failure.other
        switch phase {
        case .dialing: held = nil
        case .connecting:
            held = nil
            if hasHungUp, case .connectionFailed = error { failure = .hungUp }
        case .connected(let since): held = .now - since
        case .offline, .waiting, .stopped: return
        }
        abandonConnection()
        outbound.connectionLost()
        let level = negotiation.level
        if negotiation.failed(failure) { return retryWithOtherVersion() }
        if negotiation.level != level {
            dropHandle()
            hasSubscribed = false
        }
        var random = random
        let wait = backoff.next(held: held, isPermanent: error.isPermanent, random: &random)
        self.random = random
        phase = .waiting(until: .now + wait)
        shared.update {
            $0.state = .waiting(error)
            $0.counters.connectFailures += 1
        }
        logger.log(
            level: error.isPermanent ? .error : .warning,
            held == nil ? "Cannot connect to the broker" : "The connection to the broker was lost",
            metadata: [
                "broker": "\(configuration)", "error": "\(error)", "retry_in": "\(Int64(wait / .milliseconds(1))) ms",
            ])
    }
}
