package import Realtime
package import Services
package import Telemetry

/// Carries out what clients ask for: one function a command, answered by a message or a ``CommandError``.
///
/// Runs on the client's event loop. A command that has to wait calls its completion later, on the same loop; the
/// connection starts the next one only then, so that one client's commands happen in order.
package struct CommandRouter: Sendable {
    /// Who asks, and where to answer.
    package struct Context {
        package let client: HubClient
        package let shard: HubShard
        package let identity: Identity

        func send(_ type: MessageType, _ payload: [UInt8], replyTo id: String?, at now: Timestamp) {
            shard.send([Message(type: type, payload: payload, timestamp: now, replyTo: id)], to: client)
        }
    }

    private let stream: DataStreamService
    private let limits: ConnectionLimits
    private let clock: any WallClock

    /// A router to these services.
    package init(stream: DataStreamService, limits: ConnectionLimits, clock: any WallClock = SystemWallClock()) {
        self.stream = stream
        self.limits = limits
        self.clock = clock
    }

    /// Carries `command` out and calls `completion` on the client's loop when its answer is on its way.
    package func perform(
        _ command: ClientCommand, in context: Context, completion: @escaping @Sendable () -> Void
    ) {
        do throws(CommandError) {
            switch command.type {
            case "join_room": return try join(command, context, completion)
            case "leave_room": try leave(command, context)
            case "clock_sync": try syncClock(command, context)
            default:
                throw CommandError(
                    .unknownType,
                    "There is no command \"\(command.type.prefix(64))\"; allowed are join_room, "
                        + "leave_room and clock_sync.")
            }
        } catch {
            context.shard.send([error.message(replyTo: command.id, at: clock.now())], to: context.client)
        }
        completion()
    }

    private func join(
        _ command: ClientCommand, _ context: Context, _ completion: @escaping @Sendable () -> Void
    ) throws(CommandError) {
        let filter = try command.room()
        guard context.identity.grants.canJoin(filter) else {
            throw CommandError(.forbidden, "The token does not grant joining \(filter.rawValue).")
        }
        guard context.client.joined.count < limits.maxRooms || context.client.joined.contains(filter) else {
            throw CommandError(.badRequest, "A client may join at most \(limits.maxRooms) rooms and filters.")
        }
        let id = command.id
        let clock = self.clock
        stream.join(context.client, on: context.shard, filter: filter) { members in
            var counts = JSONObjectBuilder()
            counts.add("users", members.users)
            counts.add("clients", members.clients)
            var payload = JSONObjectBuilder()
            payload.add("room_id", filter.rawValue)
            payload.add("recovered", false)
            payload.add("members", object: counts.finished())
            return Message(type: .joined, payload: payload.finished(), timestamp: clock.now(), replyTo: id)
        } completion: {
            completion()
        }
    }

    private func leave(_ command: ClientCommand, _ context: Context) throws(CommandError) {
        let filter = try command.room()
        guard context.shard.leave(context.client, filter) else {
            throw CommandError(.notJoined, "The client has not joined \(filter.rawValue).")
        }
        var payload = JSONObjectBuilder()
        payload.add("room_id", filter.rawValue)
        context.send(.left, payload.finished(), replyTo: command.id, at: clock.now())
    }

    /// Four timestamps make an offset: the client's `t0` and its own receive time, and ours between them (RFC 5905
    /// section 8). Unix milliseconds.
    private func syncClock(_ command: ClientCommand, _ context: Context) throws(CommandError) {
        guard let sent = command.payload["t0"]?.numberValue else {
            throw CommandError(.badRequest, "\"t0\" must be a number: the client's time in Unix milliseconds.")
        }
        var payload = JSONObjectBuilder()
        payload.add("t0", sent)
        payload.add("t1", command.receivedAt.millisecondsSinceEpoch)
        let now = clock.now()
        payload.add("t2", now.millisecondsSinceEpoch)
        context.send(.clockSync, payload.finished(), replyTo: command.id, at: now)
    }
}
