import Core
import NIOCore
import Realtime
import Services
import Telemetry

/// Chat and notification commands: `send_to_room`, `send_to_user` and `mark_read`.
extension CommandRouter {
    func sendToRoom(_ command: ClientCommand, _ call: Call) throws(CommandError) {
        let session = call.session.value
        let room = try command.room()
        try Self.checkPublishing(to: room, session.identity.grants, services.stream)
        services.chat.send(
            try command.content(), to: room.rawValue, from: session.identity.user, key: try command.idempotencyKey(),
            trace: call.trace?.context
        ) { result in
            call.finish(.ack, result) { sent in
                var payload = JSONObjectBuilder()
                payload.add("message_id", sent.messageID)
                payload.add("offset", Int(sent.position.offset))
                return payload.finished()
            }
        }
    }

    func sendToUser(_ command: ClientCommand, _ call: Call) throws(CommandError) {
        let session = call.session.value
        let recipient = try ClientNames.user(command.payload["user_id"], in: "user_id")
        guard session.identity.grants.canSend(toUser: recipient) else {
            throw CommandError(.forbidden, "The token does not allow sending to the user \(recipient).")
        }
        services.chat.sendDirect(
            try command.content(), to: recipient, from: session.identity.user, key: try command.idempotencyKey(),
            trace: call.trace?.context
        ) { result in
            call.finish(.ack, result) { sent in
                var payload = JSONObjectBuilder()
                payload.add("message_id", sent.messageID)
                return payload.finished()
            }
        }
    }

    func markRead(_ command: ClientCommand, _ call: Call) throws(CommandError) {
        let selection: NotificationService.Selection
        if command.payload["all"]?.boolValue == true {
            selection = .all
        } else if let id = command.payload["notification_id"]?.stringValue, !id.isEmpty {
            selection = .one(id)
        } else {
            throw CommandError(.badRequest, "\"notification_id\" (a string) or \"all\": true is required.")
        }
        services.notifications.markRead(selection, by: call.session.value.identity.user) { result in
            call.finish(.ack, result) { unread in
                var payload = JSONObjectBuilder()
                payload.add("unread", unread)
                return payload.finished()
            }
        }
    }

    /// Checks that a token's holder may publish to a room. Used by both the socket and HTTP.
    ///
    /// - Throws: ``CommandError`` when the room is a telemetry room, or when no grant covers it.
    static func checkPublishing(
        to room: TopicFilter, _ grants: RoomGrants, _ stream: DataStreamService
    ) throws(CommandError) {
        guard !stream.isTelemetry(room) else {
            throw CommandError(.forbidden, "\(room.rawValue) is a telemetry room; only devices can publish to it.")
        }
        guard grants.canPublish(to: room) else {
            throw CommandError(.forbidden, "The token does not allow publishing to \(room.rawValue).")
        }
    }
}
