import CoreMetrics
import DequeModule
import NIOCore
import Realtime
import Telemetry

/// What the client asks for: within its rates, one command after the other.
extension WebSocketConnection {
    func received(_ text: String) {
        environment.metrics.received.increment()
        let now = environment.clock.now()
        do throws(CommandError) {
            switch takeToken() {
            case .allowed:
                guard environment.quota.takeCommand(of: admitted.user, now: shard.eventLoop.now) else {
                    environment.metrics.rateLimited.increment()
                    throw userRateLimitError
                }
            case .refused: throw rateLimitError
            case .abusive:
                answer(rateLimitError, to: nil)
                return closeAbusive()
            }
            pending.append(try ClientCommand(json: text, receivedAt: now))
            performNext()
        } catch {
            answer(error, to: error.code == .rateLimited ? nil : ClientCommand.id(ofInvalid: text))
        }
    }

    /// Charges a ping or a pong to the client's rate, as if it were a command; false when it is to be ignored.
    func takeControlFrame() -> Bool {
        switch takeToken() {
        case .allowed: return true
        case .refused: return false
        case .abusive:
            closeAbusive()
            return false
        }
    }

    private func takeToken() -> TokenBucket.Decision {
        let limits = environment.limits
        let decision = bucket.take(
            perSecond: limits.commandsPerSecond, burst: limits.commandBurst, now: shard.eventLoop.now)
        if decision != .allowed { environment.metrics.rateLimited.increment() }
        return decision
    }

    private func closeAbusive() {
        close(
            code: .rateLimited,
            reason: "more than \(environment.limits.commandsPerSecond) commands and control frames a second")
    }

    private var rateLimitError: CommandError {
        let limits = environment.limits
        return CommandError(
            .rateLimited,
            "At most \(limits.commandsPerSecond) commands a second are allowed, \(limits.commandBurst) at once.",
            isTemporary: true)
    }

    private var userRateLimitError: CommandError {
        CommandError(
            .rateLimited,
            "All clients of a user together may send \(environment.limits.userCommandsPerSecond) commands a second.",
            isTemporary: true)
    }

    private func performNext() {
        guard !isPerforming, phase == .open, let session, let command = pending.popFirst() else { return }
        isPerforming = true
        let bound = NIOLoopBound((command, session), eventLoop: shard.eventLoop)
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        let perform: @Sendable () -> Void = { [environment] in
            let (command, session) = bound.value
            environment.router.perform(command, in: session) {
                connection.value.commandDone(messageCount: $0)
            }
        }
        let delay =
            command.isJoin ? environment.quota.replayDelay(of: admitted.user, now: shard.eventLoop.now) : .zero
        if delay > .zero {
            shard.eventLoop.scheduleTask(in: delay) { connection.value.phase == .open ? perform() : () }
        } else {
            perform()
        }
    }

    /// - Parameter messageCount: how many messages the command sent beside its answer; the user pays for them with the
    ///   time until the next join.
    func commandDone(messageCount: Int) {
        if messageCount > 0 {
            environment.quota.chargeReplay(messageCount, to: admitted.user, now: shard.eventLoop.now)
        }
        isPerforming = false
        readHeld()
        performNext()
    }

    func answer(_ error: CommandError, to id: String?) {
        environment.metrics.commandFailed(error.code)
        guard let client else { return }
        shard.send([error.message(replyTo: id, at: environment.clock.now())], to: client)
    }
}
