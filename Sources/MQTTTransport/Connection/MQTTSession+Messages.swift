import Core
import Foundation
import Logging
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension MQTTSession {
    /// Linux's `POLLRDHUP`, which the C library declares only with `_GNU_SOURCE`.
    private static let peerHasShutDown: Int16 = 0x2000

    // MARK: In

    /// Passes a batch to the handler. Returns false if the handler rejected it and the connection was dropped.
    func accept(_ messages: [MQTTMessage]) -> Bool {
        let batch = MQTTBatch(
            messages: messages, isFirstAfterConnect: isFirstBatch, sessionPresent: sessionPresent)
        let bytes = messages.reduce(0) { $0 + $1.payload.count }
        do {
            try handler?.accept(batch)
        } catch {
            shared.update { $0.counters.batchesRefused += 1 }
            logger.error(
                "A batch could not be processed; the broker will redeliver it",
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
    /// With MQTT 5, subscribes on every connect. This is cheap, because the broker sends retained messages only for new
    /// subscriptions. With 3.1.1, the broker would send all of them again, so a resumed session keeps the subscriptions
    /// that it has. The exception is a client whose subscriptions have not all succeeded yet, for example on its first
    /// connect: the session may come from an earlier process with other subscriptions.
    ///
    /// An UNSUBSCRIBE that was not answered is sent again, because the broker may not have received it.
    func subscribe() {
        shared.update { $0.refusedSubscriptions = [] }
        subscribing = [:]
        unsubscribing = [:]
        if !sessionPresent { surplusFilters = [] }
        let keepsSubscriptions = negotiation.level < 5 && sessionPresent && hasSubscribed
        let all = MQTTSubscription.minimal(subscriptions)
        subscribe(to: keepsSubscriptions ? all.filter(\.wantsRetained) : all)
    }

    /// Replaces the wanted subscriptions. Subscribes first, so that a topic that both sets cover is never without a
    /// subscription.
    func replaceSubscriptions(_ new: [MQTTSubscription]) {
        let earlier = MQTTSubscription.minimal(subscriptions)
        let wanted = MQTTSubscription.minimal(new)
        subscriptions = new
        let wantedFilters = Set(wanted.map(\.filter))
        surplusFilters = (surplusFilters + earlier.map(\.filter)).filter { !wantedFilters.contains($0) }
        let surplus = Set(surplusFilters)
        unsubscribing = unsubscribing.filter { surplus.contains($0.key) }
        // The answers to other requests no longer matter.
        let wantedSet = Set(wanted)
        subscribing = subscribing.filter { wantedSet.contains($0.value) }
        let known = Set(earlier)
        let added = wanted.filter { !known.contains($0) }
        if !isConnected || !added.isEmpty { hasSubscribed = false }
        guard isConnected else { return }
        shared.update { values in
            values.refusedSubscriptions.removeAll { error in
                guard case .subscriptionRefused(let filter, _) = error else { return false }
                return !wanted.contains { $0.filter.rawValue == filter }
            }
        }
        subscribe(to: added)
        flush()
    }

    /// Subscribes to filters, and unsubscribes from those that are no longer wanted, unless that is under way.
    private func subscribe(to wanted: [MQTTSubscription]) {
        do throws(MQTTError) {
            for subscription in wanted {
                guard let id = try handle?.subscribe(to: subscription) else { return }
                subscribing[id] = subscription
            }
            for filter in surplusFilters where unsubscribing[filter] == nil {
                guard let id = try handle?.unsubscribe(from: filter) else { return }
                unsubscribing[filter] = id
            }
        } catch {
            fail(error)
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
                level: subscription.isOptional ? .notice : .error, "The broker refused a subscription",
                metadata: ["filter": "\(filter)", "reason": "\(reason)"])
        } else if code < Int(subscription.qos.rawValue) {
            logger.warning(
                "The broker granted a subscription at QoS 0 only; messages sent while disconnected are lost",
                metadata: ["filter": "\(filter)"])
        }
        // A session with a refused subscription must subscribe again.
        hasSubscribed = subscribing.isEmpty && shared.read(\.refusedSubscriptions).isEmpty
    }

    func unsubscribed(_ packetID: Int32) {
        guard let filter = unsubscribing.first(where: { $0.value == packetID })?.key else { return }
        unsubscribing[filter] = nil
        surplusFilters.removeAll { $0 == filter }
    }

    // MARK: Out

    /// Passes queued publications to libmosquitto. Returns false if the connection broke.
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

    /// Writes pending data. With more than one acknowledgement, sends them as one TCP segment.
    func flush(acknowledging count: Int = 0) {
        switch phase {
        case .connecting, .connected: break
        // The pending acknowledgements may belong to a rejected batch.
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

    /// Returns true if the broker has closed the connection. A write could then fail, and libmosquitto would close the
    /// socket and lose the unread data, such as readings that a killed broker forwarded but never saved. Later reads
    /// detect the closed connection anyway.
    private func hasPeerClosed(_ socket: Int32) -> Bool {
        var descriptor = pollfd(fd: socket, events: Self.peerHasShutDown, revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    private func setCork(_ socket: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Writes acknowledgements, queued publications, the farewell and DISCONNECT, until `deadline` has passed.
    func disconnectGracefully(within deadline: Duration) {
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

/// A duplicate descriptor of a connection that allows a graceful close.
///
/// Closing a socket with unread data resets the connection. The reset can destroy data that the peer has not read yet
/// (RFC 9293 section 3.10.4, RFC 1122 section 4.2.2.13). Under load this would lose the last acknowledgements, and
/// their messages would be redelivered. libmosquitto closes its descriptor right after writing DISCONNECT, so this
/// duplicate keeps the connection open.
struct LingeringSocket: ~Copyable {
    private let descriptor: Int32

    /// Duplicates `socket`. Returns `nil` if the system call fails.
    init?(_ socket: Int32) {
        descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
    }

    deinit {
        close(descriptor)
    }

    /// Shuts down the sending side, and discards incoming data until the peer has closed its side or `deadline` has
    /// passed.
    func waitForPeer(until deadline: ContinuousClock.Instant) {
        shutdown(descriptor, Int32(SHUT_WR))
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
            while ContinuousClock.now < deadline {
                let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                if count == 0 { return }
                if count < 0 {
                    guard errno == EAGAIN || errno == EINTR else { return }
                    var readiness = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                    poll(&readiness, 1, 50)
                }
            }
        }
    }
}
