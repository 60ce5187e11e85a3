package import Core
package import NIOCore
package import Realtime
import Telemetry

/// A service that publishes a presence event to a room when a user joins or leaves it. A user with several clients in
/// the room counts once.
///
/// Events are published in rooms that are neither telemetry rooms nor inboxes, and that at most ``maxUsers`` users have
/// joined by name. In a large room, presence events would be most of the traffic; `GET /api/rooms/members` serves those
/// rooms.
package final class PresenceService: Sendable {
    /// The most users of a room with presence events.
    package static let maxUsers = 200

    private let hub: Hub
    private let isTelemetry: @Sendable (TopicFilter) -> Bool
    private let clock: any WallClock
    /// A lock that is held while changes are taken and published, so that they stay in order.
    private let publishing = Lock(())

    /// Creates a service that observes the hub's presence registry from now on.
    package init(hub: Hub, stream: DataStreamService, clock: any WallClock = SystemWallClock()) {
        self.hub = hub
        self.isTelemetry = { stream.isTelemetry($0) }
        self.clock = clock
        hub.presence.observe { [weak self] in self?.publishChanges() }
    }

    /// Removes users whose connection was lost and who did not reconnect within the grace period. Call it about once a
    /// second.
    package func sweep(at now: NIODeadline) {
        hub.presence.expire(at: now)
    }

    private func publishChanges() {
        publishing.withLock { _ in
            let now = clock.now()
            let messages = hub.presence.takeChanges().filter(isTold).map { change in
                var payload = JSONObjectBuilder()
                payload.add("room_id", change.room)
                payload.add("user_id", change.user.rawValue)
                payload.add("event", change.event.rawValue)
                return Message(
                    type: .presence, room: change.room, payload: payload.finished(), timestamp: now,
                    delivery: .conflatable(key: Self.key(of: change)))
            }
            if !messages.isEmpty { hub.publish(messages) }
        }
    }

    /// Returns the conflation key of a change. A user's latest event in a room replaces earlier ones.
    ///
    /// The hash is seeded per process, so that nobody can craft colliding users. The highest bit is set: keys of
    /// readings count up from 1 and never reach it.
    private static func key(of change: PresenceChange) -> ConflationKey {
        var hasher = Hasher()
        hasher.combine(change.room)
        hasher.combine(change.user)
        return ConflationKey(rawValue: UInt64(UInt(bitPattern: hasher.finalize())) | 1 << 63)
    }

    private func isTold(_ change: PresenceChange) -> Bool {
        guard change.userCount <= Self.maxUsers, !UserID.isBelowInboxRoot(change.room),
            let room = try? TopicFilter(change.room)
        else { return false }
        return !isTelemetry(room)
    }
}
