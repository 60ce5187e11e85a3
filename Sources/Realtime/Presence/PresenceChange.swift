/// A user who came into a room or went: the first client in, the last one out.
package struct PresenceChange: Sendable, Equatable {
    package enum Event: String, Sendable {
        case join
        case leave
    }

    package let room: String
    package let user: String
    package let event: Event
    /// How many users are in the room after it.
    package let userCount: Int
}
