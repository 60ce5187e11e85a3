import Core
package import NIOCore
package import Realtime
package import Telemetry

/// Tells rooms who came and who went: one event a user, whatever the number of the user's clients.
///
/// Only in rooms that are neither telemetry nor an inbox, and that few enough users joined by name: in a large room
/// everybody's coming and going would be most of the traffic; there `GET /api/rooms/members` tells.
package final class PresenceService: Sendable {
    /// Above it a room is told of nobody.
    package static let maxUsers = 200

    private let hub: Hub
    private let isTelemetry: @Sendable (TopicFilter) -> Bool
    private let clock: any WallClock
    /// Held while changes are taken and published, so that they stay in order.
    private let publishing = Lock(())

    /// A service that tells the hub's rooms of what its registry sees; it observes the registry from now on.
    package init(hub: Hub, stream: DataStreamService, clock: any WallClock = SystemWallClock()) {
        self.hub = hub
        self.isTelemetry = { stream.isTelemetry($0) }
        self.clock = clock
        hub.presence.observe { [weak self] in self?.publishChanges() }
    }

    /// Lets users go that were cut off and did not come back. Call it about once a second.
    package func sweep(at now: NIODeadline) {
        hub.presence.expire(at: now)
    }

    private func publishChanges() {
        publishing.withLock { _ in
            let now = clock.now()
            let messages = hub.presence.takeChanges().filter(isTold).map { change in
                var payload = JSONObjectBuilder()
                payload.add("room_id", change.room)
                payload.add("user_id", change.user)
                payload.add("event", change.event.rawValue)
                return Message(
                    type: .presence, room: change.room, payload: payload.finished(), timestamp: now,
                    delivery: .conflatable(key: Self.key(of: change)))
            }
            if !messages.isEmpty { hub.publish(messages) }
        }
    }

    /// A user's latest event in a room takes the place of earlier ones.
    ///
    /// Hashed with the process's own seed, so that nobody can choose users of one key. Keys of readings count up from 1
    /// and never reach the highest bit.
    private static func key(of change: PresenceChange) -> ConflationKey {
        var hasher = Hasher()
        hasher.combine(change.room)
        hasher.combine(change.user)
        return ConflationKey(rawValue: UInt64(UInt(bitPattern: hasher.finalize())) | 1 << 63)
    }

    private func isTold(_ change: PresenceChange) -> Bool {
        guard change.userCount <= Self.maxUsers, !change.room.hasPrefix("\(ChatService.inboxRoot)/"),
            let room = try? TopicFilter(change.room)
        else { return false }
        return !isTelemetry(room)
    }
}
