import NIOCore
import Realtime
package import Services
package import Telemetry

/// Carries out what clients ask for: one function a command, answered by a message or a ``CommandError``.
///
/// Runs on the client's event loop. A command that has to wait calls its completion later, on the same loop; the
/// connection starts the next one only then, so that one client's commands happen in order.
package struct CommandRouter: Sendable {
    /// What a command needs to answer later.
    struct Call: Sendable {
        let session: NIOLoopBound<ClientSession>
        let eventLoop: any EventLoop
        /// The command's `id`.
        let id: String?
        let clock: any WallClock
        let metrics: WebSocketMetrics
        let trace: CommandTrace?
        let completion: @Sendable () -> Void

        /// Answers on the client's loop, where it must be called.
        func answer(_ type: MessageType, _ payload: [UInt8]) {
            let session = session.value
            session.shard.send(
                [Message(type: type, payload: payload, timestamp: clock.now(), replyTo: id)], to: session.client)
            finished()
        }

        /// Answers with an error on the client's loop, where it must be called.
        func fail(_ error: CommandError) {
            metrics.commandFailed(error.code)
            let session = session.value
            session.shard.send([error.message(replyTo: id, at: clock.now())], to: session.client)
            finished(error)
        }

        /// Ends the command where its answer is on its way by other means.
        func finished(_ error: CommandError? = nil) {
            trace?.finish(error, at: clock.now())
            completion()
        }

        /// Answers from anywhere: `payload` is made of a success, an error tells the failure.
        func finish<Value: Sendable>(
            _ type: MessageType, _ result: Result<Value, RequestError>,
            _ payload: @escaping @Sendable (Value) -> [UInt8]
        ) {
            eventLoop.execute { [self] in
                switch result {
                case .success(let value): answer(type, payload(value))
                case .failure(let error): fail(CommandError(error))
                }
            }
        }
    }

    let services: HubServices
    let authority: TokenAuthority
    let limits: ConnectionLimits
    let metrics: WebSocketMetrics
    let clock: any WallClock

    /// A router to these services; `authority` tells whose a refreshed token is.
    package init(
        services: HubServices, authority: TokenAuthority, limits: ConnectionLimits, metrics: WebSocketMetrics,
        clock: any WallClock = SystemWallClock()
    ) {
        self.services = services
        self.authority = authority
        self.limits = limits
        self.metrics = metrics
        self.clock = clock
    }

    /// Carries `command` out and calls `completion` on the client's loop when its answer, and what follows it, is on its
    /// way.
    package func perform(
        _ command: ClientCommand, in session: ClientSession,
        completion: @escaping @Sendable () -> Void
    ) {
        let call = Call(
            session: NIOLoopBound(session, eventLoop: session.shard.eventLoop), eventLoop: session.shard.eventLoop,
            id: command.id, clock: clock, metrics: metrics,
            trace: CommandTrace(command, entry: services.entry, at: clock.now()), completion: completion)
        do throws(CommandError) {
            switch command.type {
            case "join_room": try join(command, call)
            case "leave_room": try leave(command, call)
            case "send_to_room": try sendToRoom(command, call)
            case "send_to_user": try sendToUser(command, call)
            case "mark_read": try markRead(command, call)
            case "refresh_token": try refreshToken(command, call)
            case "clock_sync": try syncClock(command, call)
            default:
                throw CommandError(
                    .unknownType,
                    "There is no command \"\(command.type.prefix(64))\"; allowed are join_room, leave_room, "
                        + "send_to_room, send_to_user, mark_read, refresh_token and clock_sync.")
            }
        } catch {
            call.fail(error)
        }
    }
}
