import Foundation
import Logging
import Telemetry

extension MQTTSession {
    /// `POLLRDHUP` of Linux, which the C library shows to GNU sources only.
    private static let peerHasShutDown: Int16 = 0x2000

    // MARK: In

    /// Hands a batch on; false when it was not taken and the connection was dropped for it.
    func accept(_ messages: [MQTTMessage]) -> Bool {
        let batch = MQTTBatch(
            messages: messages, isFirstAfterConnect: isFirstBatch, sessionPresent: sessionPresent)
        let bytes = messages.reduce(0) { $0 + $1.payload.count }
        do {
            try handler?.accept(batch)
        } catch {
            shared.update { $0.counters.batchesRefused += 1 }
            logger.error(
                "A batch could not be taken; the broker will deliver it again",
                metadata: ["messages": "\(messages.count)", "error": "\(error)"])
            fail(.batchNotTaken("\(error)"))
            return false
        }
        isFirstBatch = false
        shared.update {
            $0.counters.messagesReceived += messages.count
            $0.counters.bytesReceived += bytes
            $0.counters.batches += 1
        }
        return true
    }

    /// Subscribes after a connect.
    ///
    /// With MQTT 5 always: it costs nothing, because retained messages come only for subscriptions that are new. With
    /// 3.1.1 they would come again, so a session that is present is left alone, except by a client's first connect:
    /// the configuration may have changed since the session was made.
    func subscribe() {
        shared.update { $0.refusedSubscriptions = [] }
        subscribing = [:]
        if negotiation.level < 5, sessionPresent, hasSubscribed { return }
        for subscription in MQTTSubscription.minimal(configuration.subscriptions) {
            do throws(MQTTError) {
                guard let id = try handle?.subscribe(to: subscription) else { return }
                subscribing[id] = subscription
            } catch {
                return fail(error)
            }
        }
    }

    func subscribed(_ packetID: Int32, _ reasonCodes: [Int]) {
        guard let subscription = subscribing.removeValue(forKey: packetID), let code = reasonCodes.first else { return }
        let filter = subscription.filter.rawValue
        if code >= 0x80 {
            let reason = MosquittoHandle.meaning(ofReasonCode: code, protocolLevel: 5)
            let error = MQTTError.subscriptionRefused(filter: filter, reason)
            if !subscription.isOptional { shared.update { $0.refusedSubscriptions.append(error) } }
            logger.log(
                level: subscription.isOptional ? .notice : .error, "The broker refuses a subscription",
                metadata: ["filter": "\(filter)", "reason": "\(reason)"])
        } else if code < Int(subscription.qos.rawValue) {
            logger.warning(
                "The broker grants a subscription at QoS 0 only: what it sends while we are away is lost",
                metadata: ["filter": "\(filter)"])
        }
        // A session that holds a refused subscription must be asked again.
        hasSubscribed = subscribing.isEmpty && shared.read(\.refusedSubscriptions).isEmpty
    }

    // MARK: Out

    /// Gives the library what waits; false when the connection broke over it.
    func sendOutbound() -> Bool {
        guard let handle else { return false }
        do throws(MQTTError) {
            try outbound.send { publication throws(MQTTError) in try handle.publish(publication) }
            return true
        } catch {
            fail(error)
            return false
        }
    }

    /// Writes what waits. Many acknowledgements go out as one segment instead of one each.
    func flush(acknowledging count: Int = 0) {
        switch phase {
        case .connecting, .connected: break
        // Its acknowledgements may belong to a batch that was not taken.
        case .offline, .dialing, .waiting, .stopped: return
        }
        guard let handle, let socket = handle.socket, !hasPeerClosed(socket) else { return }
        let isCorked = count > 1
        if isCorked { setCork(socket, 1) }
        do throws(MQTTError) {
            try handle.write()
        } catch {
            processEvents()
            guard self.handle === handle else { return }
            return fail(error, hasHungUp: true)
        }
        if isCorked, handle.socket != nil { setCork(socket, 0) }
        processEvents()
    }

    /// Whether the broker has closed the connection. Writing would close our end too, with all that is unread in it:
    /// readings that a killed broker passed on and never saved. The reads that follow find the end by themselves.
    private func hasPeerClosed(_ socket: Int32) -> Bool {
        var descriptor = pollfd(fd: socket, events: Self.peerHasShutDown, revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    private func setCork(_ socket: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Writes acknowledgements, the farewell and DISCONNECT, for as long as `deadline` allows.
    func sayGoodbye(within deadline: Duration) {
        guard isConnected, let handle else { return }
        if outbound.hasWaiting { guard sendOutbound() else { return } }
        if let farewell = configuration.farewell { _ = try? handle.publish(farewell) }
        let lingering = handle.socket.flatMap { LingeringSocket($0) }
        handle.disconnect()
        let deadline = ContinuousClock.now + deadline
        while let socket = handle.socket, ContinuousClock.now < deadline {
            guard (try? handle.write()) != nil, handle.socket != nil else { break }
            var descriptor = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
            poll(&descriptor, 1, 50)
        }
        lingering?.waitForPeer(until: deadline)
        for case .published(let packetID, let reasonCode) in handle.takeEvents() {
            outbound.completed(packetID, succeeded: reasonCode < 0x80)
        }
    }
}
