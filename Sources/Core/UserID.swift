/// The name of a user: the `sub` claim of the user's tokens.
///
/// A user ID is the last level of the name of the user's inbox, so the rules of topic levels apply to it. It has 1 to
/// 128 bytes of UTF-8 in normal form NFC, no `/`, `+`, `#` or control characters, and does not begin with a combining
/// mark.
package struct UserID: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The maximum length of a user ID in UTF-8 bytes.
    package static let maximumByteCount = 128

    package let rawValue: String

    /// Creates a user ID, or `nil` if the name is not valid.
    package init?(_ name: String) {
        guard (1...Self.maximumByteCount).contains(name.utf8.count), name.isRoomLevel, name.isInNormalForm else {
            return nil
        }
        rawValue = name
    }

    /// Creates a user ID without checking the name, which was checked before or was set by an operator.
    package init(unchecked name: String) {
        rawValue = name
    }

    package init(stringLiteral name: String) {
        self.init(unchecked: name)
    }

    /// Creates the ID that all clients of a share have. A user's name has no `#`, so no token, message or notification
    /// can name it.
    package init(share id: String) {
        rawValue = "\(Self.sharePrefix)\(id)"
    }

    /// True for the clients of a share, which have no inbox.
    package var isShare: Bool { rawValue.hasPrefix(Self.sharePrefix) }

    private static let sharePrefix = "share#"

    package static func < (lhs: UserID, rhs: UserID) -> Bool { lhs.rawValue < rhs.rawValue }

    package var description: String { rawValue }
}

extension UserID {
    /// The first level of the names of inboxes, each of which belongs to one user.
    package static let inboxRoot = "users"

    /// The name of the user's inbox.
    package var inbox: String { "\(Self.inboxRoot)/\(rawValue)" }

    /// Creates the ID of the user to whom an inbox belongs, or `nil` if the room is not an inbox.
    package init?(inbox room: String) {
        guard room.hasPrefix("\(Self.inboxRoot)/") else { return nil }
        self.init(unchecked: String(room.dropFirst(Self.inboxRoot.count + 1)))
    }

    /// Returns true for ``inboxRoot``, and for every room or filter below it.
    package static func isBelowInboxRoot(_ room: String) -> Bool {
        room == inboxRoot || room.hasPrefix("\(inboxRoot)/")
    }
}
