import Core
import NIOCore
import Realtime
import Services
import Telemetry

/// Room commands: `join_room` and `leave_room`.
extension CommandRouter {
    /// The largest `max_rate_hz`, in readings per second.
    private static let maxRate = 1000.0

    func join(_ command: ClientCommand, _ call: Call) throws(CommandError) {
        let session = call.session.value
        let filter = try command.filter()
        guard session.identity.grants.canJoin(filter) else {
            throw CommandError(.forbidden, "The token does not allow joining \(filter.rawValue).")
        }
        let joined = session.client.joined
        guard joined.contains(filter) || joined.count(where: { !RoomGrants.isInbox($0) }) < limits.maxRooms else {
            throw CommandError(.badRequest, "Too many joined rooms and filters; allowed: at most \(limits.maxRooms).")
        }
        let since = try since(in: command, filter)
        let interval = try interval(in: command)
        if services.stream.isTelemetry(filter) || !filter.isName {
            session.shard.setInterval(interval, for: filter, of: session.client)
            joinStream(filter, call)
        } else {
            joinRoom(filter, since: since, call)
        }
    }

    func leave(_ command: ClientCommand, _ call: Call) throws(CommandError) {
        let session = call.session.value
        let filter = try command.filter()
        guard session.shard.leave(session.client, filter) else {
            throw CommandError(.notJoined, "The client has not joined \(filter.rawValue).")
        }
        var payload = JSONObjectBuilder()
        payload.add("room_id", filter.rawValue)
        call.answer(.left, payload.finished())
    }

    /// Joins a telemetry room, or all rooms of a filter. The latest readings follow the answer.
    private func joinStream(_ filter: TopicFilter, _ call: Call) {
        let session = call.session.value
        services.stream.join(session.client, on: session.shard, filter: filter) { members in
            var payload = JSONObjectBuilder()
            payload.add("room_id", filter.rawValue)
            payload.add("recovered", false)
            payload.add("members", object: Self.counts(members))
            return Message(type: .joined, payload: payload.finished(), timestamp: call.clock.now(), replyTo: call.id)
        } completion: {
            call.finished()
        }
    }

    /// Joins a room with history. The messages that the client has missed since `since` follow the answer.
    private func joinRoom(_ filter: TopicFilter, since: RoomPosition?, _ call: Call) {
        let session = call.session.value
        let presence = session.shard.presence
        services.history.join(session.client, on: session.shard, room: filter, since: since) { joined in
            guard let joined else {
                return CommandError(
                    .internal, "The room was not joined: its history is unavailable. Retry later.", isTemporary: true
                ).message(replyTo: call.id, at: call.clock.now())
            }
            var payload = JSONObjectBuilder()
            payload.add("room_id", filter.rawValue)
            payload.add("epoch", joined.position.epoch)
            payload.add("offset", Int(joined.position.offset))
            payload.add("recovered", joined.isRecovered)
            payload.add("members", object: Self.counts(presence.members(under: filter)))
            return Message(type: .joined, payload: payload.finished(), timestamp: call.clock.now(), replyTo: call.id)
        } completion: {
            call.finished()
        }
    }

    private func since(in command: ClientCommand, _ filter: TopicFilter) throws(CommandError) -> RoomPosition? {
        guard let since = command.payload["since"], since != .null else { return nil }
        guard let offset = since["offset"]?.numberValue, let exact = Int64(exactly: offset), exact >= 0,
            let epoch = since["epoch"]?.stringValue
        else {
            throw CommandError(
                .badRequest, "\"since\" must be {\"offset\": integer of at least 0, \"epoch\": string}.")
        }
        guard filter.isName else {
            throw CommandError(.badRequest, "\"since\" is allowed for room names only, not for filters.")
        }
        return RoomPosition(offset: exact, epoch: epoch)
    }

    private func interval(in command: ClientCommand) throws(CommandError) -> TimeAmount? {
        guard let value = command.payload["max_rate_hz"], value != .null else { return nil }
        guard let rate = value.numberValue, rate > 0.001, rate <= Self.maxRate else {
            throw CommandError(
                .badRequest, "\"max_rate_hz\" must be a number above 0.001 and at most \(Int(Self.maxRate)).")
        }
        return .nanoseconds(Int64(1e9 / rate))
    }

    private static func counts(_ members: PresenceRegistry.Members) -> [UInt8] {
        var counts = JSONObjectBuilder()
        counts.add("users", members.users)
        counts.add("clients", members.clients)
        return counts.finished()
    }
}
