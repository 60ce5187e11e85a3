import NIOCore
import Realtime
import Telemetry

/// The socket as the hub sees it.
extension WebSocketConnection: ClientSink {
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ frames: ByteBuffer) {
        guard phase == .open || phase == .draining else { return }
        context?.write(wrapOutboundOut(frames), promise: nil)
    }

    func flush() {
        context?.flush()
    }

    func close(code: CloseCode, reason: String) {
        sendClose(code, reason)
    }

    func chargeReplay(_ cost: Int) -> TimeAmount {
        environment.quota.chargeReplay(cost, to: admitted.user, now: shard.eventLoop.now)
    }

    /// Closes a connection whose token has expired; a token is good for nothing from that instant on.
    func closeIfExpired() -> Bool {
        guard let session, environment.clock.now() >= session.identity.expiresAt else { return false }
        close(code: .tokenExpired, reason: "the token has expired")
        return true
    }

    func sweep(at now: NIODeadline) {
        guard !closeIfExpired() else { return }
        switch heartbeat.sweep(at: now) {
        case .nothing: break
        case .sendPing: writeControl(ServerFrame.frame(.ping, payload: ByteBuffer()))
        case .closeSilent: close(code: .noPong, reason: "no pong came in time")
        case .closeStuck: sendClose(.slowClient, "the socket took no bytes for too long", isStuck: true)
        }
    }
}
