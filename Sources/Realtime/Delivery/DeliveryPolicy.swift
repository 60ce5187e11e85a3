/// What may happen to a message when a client reads slower than its rooms speak.
package enum DeliveryPolicy: Sendable, Hashable {
    /// Never left out: a client whose queue overflows is closed and recovers.
    case reliable
    /// Only the latest message of an equal key matters: above the queue's limit the older ones are left out, and a
    /// `gap` tells the client how many.
    case conflatable(key: ConflationKey)
}

/// Names what a message is the latest of: a device and its set of metric names, or a user's presence in a room.
package struct ConflationKey: Sendable, Hashable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}
