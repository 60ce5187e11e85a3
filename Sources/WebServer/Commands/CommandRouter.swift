package import Core
import NIOCore
package import Realtime
package import Services
import Tracing

/// The executor of client commands, with one function per command. Each command is answered with a message or a
/// ``CommandError``.
///
/// Runs on the client's event loop. A command that has to wait calls its completion later, on the same loop. The
/// connection starts the next command only after that, so that a client's commands run in order.
package struct CommandRouter: Sendable {
    /// The context of a command in execution, with which the command sends its answer now or later.
    struct Call: Sendable {
        let session: NIOLoopBound<ClientSession>
        let eventLoop: any EventLoop
        /// The command's `id`.
        let id: String?
        let clock: any WallClock
        let metrics: WebSocketMetrics
        let trace: CommandTrace?
        let completion: @Sendable () -> Void

        /// Sends the answer and ends the command. Must be called on the client's loop.
        func answer(_ type: MessageType, _ payload: [UInt8]) {
            let session = session.value
            session.shard.send(
                [Message(type: type, payload: payload, timestamp: clock.now(), replyTo: id)], to: session.client)
            finished()
        }

        /// Answers with an error and ends the command. Must be called on the client's loop.
        func fail(_ error: CommandError) {
            metrics.commandFailed(error.code)
            let session = session.value
            session.shard.send([error.message(replyTo: id, at: clock.now())], to: session.client)
            finished(error)
        }

        /// Ends a command whose answer is sent by other means.
        func finished(_ error: CommandError? = nil) {
            trace?.finish(error, at: clock.now())
            completion()
        }

        /// Answers with the payload that `payload` makes from a success, or with the error of a failure, and ends the
        /// command. May be called on any thread.
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

    /// The commands that the clients of a share may send.
    private static let shareCommands = ["join_room", "leave_room", "clock_sync"]

    let services: HubServices
    let authority: TokenAuthority
    let limits: ConnectionLimits
    let metrics: WebSocketMetrics
    let clock: any WallClock

    /// Creates a router to these services; `authority` verifies refreshed tokens.
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

    /// Executes `command`. Calls `completion` on the client's loop when the answer and the messages that follow it have
    /// been queued.
    package func perform(
        _ command: ClientCommand, in session: ClientSession,
        completion: @escaping @Sendable () -> Void
    ) {
        let call = Call(
            session: NIOLoopBound(session, eventLoop: session.shard.eventLoop), eventLoop: session.shard.eventLoop,
            id: command.id, clock: clock, metrics: metrics,
            trace: CommandTrace(command, entry: services.entry, at: clock.now()), completion: completion)
        do throws(CommandError) {
            if session.identity.share != nil, !Self.shareCommands.contains(command.type) {
                throw CommandError(
                    .forbidden,
                    "A share link allows only the commands \(Self.shareCommands.joined(separator: ", ")).")
            }
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
                    "Unknown command \"\(command.type.prefix(64))\"; allowed: join_room, leave_room, "
                        + "send_to_room, send_to_user, mark_read, refresh_token and clock_sync.")
            }
        } catch {
            call.fail(error)
        }
    }
}

/// The state of one connection that commands work with: its client, its shard and its current identity.
///
/// Not `Sendable`: it belongs to the connection's event loop.
package final class ClientSession {
    package let client: HubClient
    package let shard: HubShard
    /// The current identity, replaced by `refresh_token`.
    package internal(set) var identity: Identity

    package init(client: HubClient, shard: HubShard, identity: Identity) {
        self.client = client
        self.shard = shard
        self.identity = identity
    }
}

/// The spans of one sampled command: `websocket.receive` until the command starts, and below it `hub.process_message`
/// until it is answered.
struct CommandTrace: Sendable {
    private let process: any Span

    /// The parent context for spans of the command's work.
    var context: TraceContext? { process.traceContext }

    /// Starts the spans; `nil` when the command is not sampled. Clock exchanges are never sampled, because they do no
    /// work worth tracing.
    init?(_ command: ClientCommand, entry: EntryTracer, at now: Timestamp) {
        guard command.type != "clock_sync",
            let receive = entry.begin(
                "websocket.receive", from: command.trace, ofKind: .consumer, at: command.receivedAt)
        else { return nil }
        receive.updateAttributes { attributes in
            attributes["messaging.system"] = "websocket"
            attributes["messaging.operation.name"] = "receive"
            attributes["messaging.operation.type"] = "receive"
            // Client-supplied text, so bounded in length.
            attributes["windsock.message.type"] = String(command.type.prefix(64))
        }
        receive.end(at: now)
        process = entry.tracer.startSpan("hub.process_message", under: receive.traceContext, at: now)
    }

    /// Ends the command's span when it has been answered.
    func finish(_ error: CommandError? = nil, at now: Timestamp) {
        if let error {
            process.updateAttributes { $0["error.type"] = error.code.rawValue }
            process.setStatus(SpanStatus(code: .error, message: error.code.rawValue))
        }
        process.end(at: now)
    }
}
