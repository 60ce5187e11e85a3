import Core
import CoreMetrics
import DequeModule
import NIOCore
import Realtime
import Telemetry

/// Command handling: checks the rate limits, then runs one command after the other.
extension WebSocketConnection {
    func received(_ text: String) {
        environment.metrics.received.increment()
        let cost = 1 + text.utf8.count / ClientCommand.chargedByteCount
        switch takeTokens(cost) {
        case .allowed:
            guard environment.quota.takeCommand(of: admitted.user, cost: cost, now: shard.eventLoop.now) else {
                environment.metrics.rateLimited.increment()
                return answer(userRateLimitError, to: ClientCommand.id(ofRefused: text))
            }
        case .refused: return answer(rateLimitError, to: ClientCommand.id(ofRefused: text))
        case .abusive:
            answer(rateLimitError, to: nil)
            return closeAbusive()
        }
        pending.append((text, environment.clock.now()))
        pendingByteCount += text.utf8.count
        performNext()
    }

    /// Counts a ping or a pong as a command in the client's rate limit, and returns false if it must be ignored. Closes
    /// the connection if the client has kept exceeding the limit.
    func takeControlFrame() -> Bool {
        switch takeTokens(1) {
        case .allowed: return true
        case .refused: return false
        case .abusive:
            closeAbusive()
            return false
        }
    }

    private func takeTokens(_ cost: Int) -> TokenBucket.Decision {
        let limits = environment.limits
        let decision = bucket.charge(
            cost, perSecond: limits.commandsPerSecond, burst: limits.commandBurst,
            at: shard.eventLoop.now.tokenBucketTime)
        if decision != .allowed { environment.metrics.rateLimited.increment() }
        return decision
    }

    private func closeAbusive() {
        isDeaf = true
        close(
            code: .rateLimited,
            reason: "too many commands and control frames; allowed: \(environment.limits.commandsPerSecond) per second")
    }

    private var rateLimitError: CommandError {
        let limits = environment.limits
        return CommandError(
            .rateLimited,
            "Too many commands; allowed: \(limits.commandsPerSecond) per second, in bursts of up to \(limits.commandBurst).",
            isTemporary: true)
    }

    private var userRateLimitError: CommandError {
        CommandError(
            .rateLimited,
            "Too many commands from all clients of this user; "
                + "allowed: \(environment.limits.userCommandsPerSecond) per second.",
            isTemporary: true)
    }

    /// Runs pending commands until one of them has to wait.
    private func performNext() {
        // A command that completes at once calls back into this function; the loop below continues with the next.
        guard !isStarting else { return }
        isStarting = true
        defer { isStarting = false }
        while !isPerforming, phase == .open, let session, let (text, receivedAt) = pending.popFirst() {
            pendingByteCount -= text.utf8.count
            guard !closeIfExpired() else { return }
            do throws(ClientCommand.Refusal) {
                let command = try ClientCommand(json: text, receivedAt: receivedAt)
                isPerforming = true
                perform(command, in: session)
            } catch {
                answer(error.error, to: error.id)
            }
        }
    }

    /// Runs a command. A join is delayed while the messages replayed by the user's earlier joins exceed the limit.
    private func perform(_ command: ClientCommand, in session: ClientSession) {
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        // Does not capture the command, which may be large, because a join may take long to call its completion.
        let completion: @Sendable () -> Void = { connection.value.commandDone() }
        let delay = command.isJoin ? environment.quota.replayDelay(of: admitted.user, now: shard.eventLoop.now) : .zero
        guard delay > .zero else {
            return environment.router.perform(command, in: session, completion: completion)
        }
        let bound = NIOLoopBound((self, command, session), eventLoop: shard.eventLoop)
        shard.eventLoop.scheduleTask(in: delay) {
            let (connection, command, session) = bound.value
            guard connection.phase == .open else { return }
            connection.environment.router.perform(command, in: session, completion: completion)
        }
    }

    func commandDone() {
        isPerforming = false
        performNext()
        if ending.hasBegun, !isPerforming, pending.isEmpty { return endWithPeer(ending.code) }
        readHeld()
    }

    func answer(_ error: CommandError, to id: String?) {
        environment.metrics.commandFailed(error.code)
        guard let client else { return }
        shard.send([error.message(replyTo: id, at: environment.clock.now())], to: client)
    }
}
