/// The envelope's `type`: one of a fixed vocabulary, written as it stands without escaping.
package struct MessageType: Sendable, Hashable, CustomStringConvertible {
    package let name: StaticString

    /// A type whose name needs no JSON escaping.
    package init(_ name: StaticString) {
        self.name = name
    }

    package static let welcome = MessageType("welcome")
    package static let joined = MessageType("joined")
    package static let left = MessageType("left")
    package static let dataUpdate = MessageType("data_update")
    package static let deviceStatus = MessageType("device_status")
    package static let clockSync = MessageType("clock_sync")
    package static let ack = MessageType("ack")
    package static let chatMessage = MessageType("chat_message")
    package static let directMessage = MessageType("direct_message")
    package static let notification = MessageType("notification")
    package static let notificationRead = MessageType("notification_read")
    package static let alert = MessageType("alert")
    package static let presence = MessageType("presence")
    package static let gap = MessageType("gap")
    package static let error = MessageType("error")

    /// The types that rooms' histories hold.
    private static let stored = [chatMessage, directMessage, notification, notificationRead, alert]

    /// The type of a message in a room's history, by its name.
    package init?(storedName name: String) {
        guard let type = Self.stored.first(where: { $0.description == name }) else { return nil }
        self = type
    }

    package var description: String { name.description }

    package static func == (lhs: MessageType, rhs: MessageType) -> Bool { lhs.description == rhs.description }

    package func hash(into hasher: inout Hasher) { hasher.combine(description) }
}
