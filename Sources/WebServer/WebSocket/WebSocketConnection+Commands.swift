import CoreMetrics
import DequeModule
import NIOCore
import Realtime
import Telemetry

/// What the client asks for: within its rates, one command after the other.
extension WebSocketConnection {
    func received(_ text: String) {
        environment.metrics.received.increment()
        let limits = environment.limits
        let now = environment.clock.now()
        do throws(CommandError) {
            switch bucket.take(
                perSecond: limits.commandsPerSecond, burst: limits.commandBurst, now: shard.eventLoop.now)
            {
            case .allowed:
                guard environment.quota.takeCommand(of: admitted.user, now: shard.eventLoop.now) else {
                    environment.metrics.rateLimited.increment()
                    throw userRateLimitError
                }
            case .refused:
                environment.metrics.rateLimited.increment()
                throw rateLimitError
            case .abusive:
                answer(rateLimitError, to: nil)
                return close(code: .rateLimited, reason: "more than \(limits.commandsPerSecond) commands a second")
            }
            pending.append(try ClientCommand(json: text, receivedAt: now))
            performNext()
        } catch {
            answer(error, to: error.code == .rateLimited ? nil : ClientCommand.id(ofInvalid: text))
        }
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
        let connection = NIOLoopBound(self, eventLoop: shard.eventLoop)
        environment.router.perform(command, in: session) { connection.value.commandDone() }
    }

    func commandDone() {
        isPerforming = false
        if isReadHeld, pending.count < environment.limits.maxPendingCommands {
            isReadHeld = false
            context?.read()
        }
        performNext()
    }

    func answer(_ error: CommandError, to id: String?) {
        environment.metrics.commandFailed(error.code)
        guard let client else { return }
        shard.send([error.message(replyTo: id, at: environment.clock.now())], to: client)
    }
}
