/// What stands between the rooms and a client that does not simply get everything: joins under way and rate limits.
///
/// Few clients have one at a time, so that the hot path asks a single reference whether it is there.
final class DeliveryControl {
    /// What becomes of a message that a room has for the client.
    enum Verdict {
        case deliver
        /// It waits, for a join to be finished or for its time.
        case wait
        /// Too much waits: the client must be closed.
        case overflow
    }

    /// By room: joins whose history is being read or replayed.
    var holds: [String: RoomHold] = [:]
    var pacer = RatePacer()

    var isIdle: Bool { holds.isEmpty && pacer.isIdle }
    /// Whether a released hold has more to send.
    var hasReplay: Bool { holds.values.contains(where: \.isReleased) }

    /// Takes a live message into the hold of its room, if there is one.
    func hold(_ message: QueuedMessage) -> Verdict {
        guard holds[message.room] != nil else { return .deliver }
        return holds[message.room]?.append(message) == true ? .wait : .overflow
    }
}
