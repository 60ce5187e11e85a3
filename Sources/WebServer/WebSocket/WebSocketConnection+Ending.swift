import Logging
import NIOCore
import Realtime

/// The end of a connection: shutdown, close frames and clean-up.
extension WebSocketConnection {
    /// Closes the connection at the shutdown of the server, after the client's queued messages have been sent.
    ///
    /// Messages published before the shutdown may still be in the shard's mailbox, so these are delivered to the queue
    /// first.
    func drain() {
        guard phase == .open, let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        shard.afterPublished { bound.value.drainQueue() }
    }

    private func drainQueue() {
        guard phase == .open else { return }
        phase = .draining
        guard let client, client.queuedByteCount > 0 else {
            return sendClose(.goingAway, "the gateway is shutting down")
        }
        after(environment.limits.drainTimeout) { connection in
            if connection.phase == .draining { connection.sendClose(.goingAway, "the gateway is shutting down") }
        }
    }

    /// Handles the end of the peer's input. The peer's pending commands still run, for at most the close timeout.
    ///
    /// - Parameter code: The code of the peer's close frame; `nil` if the peer only closed its half of the connection.
    func peerEnded(_ code: UInt16?) {
        isDeaf = true
        guard phase == .open, isPerforming || !pending.isEmpty else { return endWithPeer(code) }
        guard !ending.hasBegun else { return }
        ending = (code, true)
        after(environment.limits.closeTimeout) { $0.endWithPeer(code) }
    }

    /// Answers the peer's close frame, if there was one, and closes the connection.
    func endWithPeer(_ code: UInt16?) {
        if let code, phase == .open || phase == .draining {
            closeLabel = "by_client"
            writeControl(ServerFrame.close(code: code, reason: ""), thenCloses: true)
        }
        context?.close(promise: nil)
    }

    /// Sends a close frame and schedules the end of the connection.
    ///
    /// - Parameter isStuck: True when the socket accepts no bytes at all, so that waiting for it is useless.
    func sendClose(_ code: CloseCode, _ reason: String, isStuck: Bool = false) {
        guard phase == .open || phase == .draining else { return }
        let frame = ServerFrame.close(code: code.rawValue, reason: reason)
        closeLabel = code.label
        if let client { shard.disconnect(client) }
        writeControl(frame, thenCloses: true)
        after(isStuck ? environment.limits.closeTimeout : closeTimeout(code)) { $0.context?.close(promise: nil) }
    }

    /// Returns the time from our close frame until the connection is cut off. A slow client sees the code and reason
    /// only after it has read everything before them, so it gets as much time as a stuck socket, at most 10 s.
    private func closeTimeout(_ code: CloseCode) -> TimeAmount {
        let usual = environment.limits.closeTimeout
        return code == .slowClient ? max(usual, min(environment.heartbeat.writeTimeout, .seconds(10))) : usual
    }

    func finish() {
        guard phase != .closed else { return }
        phase = .closed
        inbound = nil
        pending.removeAll()
        pendingByteCount = 0
        if let client { shard.disconnect(client) }
        if !isOverQuota { environment.quota.disconnect(admitted.user) }
        let label = closeLabel ?? "lost"
        environment.metrics.connectionClosed(label)
        let isExpected = ["by_client", CloseCode.goingAway.label, CloseCode.normalClosure.label].contains(label)
        environment.logger.log(
            level: isExpected ? .debug : .info, "A WebSocket connection ended",
            metadata: metadata(["reason": "\(label)"]))
        session = nil
    }

    private func after(_ delay: TimeAmount, _ action: @escaping @Sendable (WebSocketConnection) -> Void) {
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        shard.eventLoop.scheduleTask(in: delay) { action(connection.value) }
    }

    /// Writes a control frame, unless our close frame has been sent. Sets `phase` to `.closing` before the write, which
    /// may call back into this handler.
    func writeControl(_ frame: ByteBuffer, thenCloses: Bool = false) {
        guard phase == .open || phase == .draining else { return }
        if thenCloses { phase = .closing }
        context?.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    func metadata(_ more: Logger.Metadata) -> Logger.Metadata {
        let seconds = Double((shard.eventLoop.now - openedAt).nanoseconds) / 1e9
        let own: Logger.Metadata = [
            "client": "\(client?.id ?? "-")", "user": "\(admitted.user)", "open_s": "\(seconds.rounded())",
        ]
        return own.merging(more) { $1 }
    }
}
