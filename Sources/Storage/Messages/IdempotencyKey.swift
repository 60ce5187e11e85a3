/// Makes a resend harmless: the same key of the same user in the same scope is the same message.
package struct IdempotencyKey: Sendable, Equatable {
    /// Who sends.
    package var user: String
    /// Within what the key is one: a room's name, or what else a service chooses.
    package var scope: String
    /// The sender's choice.
    package var key: String
    /// Tells whether the content is the same as before.
    package var contentDigest: [UInt8]

    /// The scope of notifications: no room has that name.
    package static let notifications = "#notifications"

    package init(user: String, scope: String, key: String, contentDigest: [UInt8]) {
        self.user = user
        self.scope = scope
        self.key = key
        self.contentDigest = contentDigest
    }

    /// What the database knows of a key.
    package enum Finding: Sendable, Equatable {
        case unused
        /// The same content was sent with this key before, as this message.
        case used(messageID: String, offset: Int64)
        /// Other content was sent with this key before.
        case conflict
    }
}
