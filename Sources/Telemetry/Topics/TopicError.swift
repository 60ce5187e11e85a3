import Core

/// An error in a topic name, a topic filter or a route. The description names the text and what is allowed.
package struct TopicError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of the invalid text.
    package enum Subject: Hashable, Sendable {
        case name
        case filter
        /// The pattern of a ``TopicRoute`` or ``StatusRoute``.
        case route
    }

    package enum Problem: Hashable, Sendable {
        // In names, filters and patterns:
        case empty
        case tooLong
        case tooManyLevels
        case containsNull
        /// A level begins with a combining mark, which would form one character with the `/` before it.
        case combiningMark

        // In names:
        case containsWildcard

        // In filters and patterns:
        /// `#` before the last level.
        case multiLevelNotLast
        /// A wildcard that shares its level with other characters, as in `room+`.
        case partialWildcard(String)
        /// `$share` without a group or a filter, or with a wildcard in the group.
        case badShare

        // In routes:
        /// A level that contains braces but is not one whole `{name}`.
        case badCapture(String)
        case duplicateCapture(String)
        /// An invalid room template. The second text completes a sentence that begins with the room.
        case badRoom(String, String)
        case badQoS(Int)
        /// The pattern of a status route does not capture `{device}`.
        case noDevice
    }

    package var subject: Subject
    /// The name, filter or pattern.
    package var text: String
    package var problem: Problem

    package init(_ subject: Subject, _ text: String, _ problem: Problem) {
        self.subject = subject
        self.text = text
        self.problem = problem
    }

    package var description: String {
        switch problem {
        case .empty: sentence("is empty; allowed: 1 to \(TopicName.maximumByteCount) bytes")
        case .tooLong: sentence("has \(text.utf8.count) bytes; allowed: 1 to \(TopicName.maximumByteCount)")
        case .tooManyLevels: sentence("has too many levels; allowed: at most \(TopicName.maximumLevelCount)")
        case .containsNull: sentence("contains the character U+0000, which is not allowed")
        case .combiningMark: sentence("has a level that begins with a combining character")
        case .containsWildcard: sentence("contains '+' or '#'; wildcards are allowed only in filters")
        case .multiLevelNotLast: sentence("has '#' before its last level; allowed: only as the last level")
        case .partialWildcard(let level):
            sentence("has a wildcard inside the level \(Excerpt(of: level)); '+' and '#' must be whole levels")
        case .badShare:
            sentence("is not a shared subscription; expected $share/{group}/{filter}, no wildcard in {group}")
        case .badCapture(let level):
            """
            the route topic \(Excerpt(of: text)) has the invalid level \(Excerpt(of: level)); a capture must be a \
            whole level such as {device}, named with letters, digits, '_' and '-'
            """
        case .duplicateCapture(let name): "duplicate capture {\(name)} in the route topic \(Excerpt(of: text))"
        case .badRoom(let room, let what): "the room \(Excerpt(of: room)) of the route \(Excerpt(of: text)) \(what)"
        case .badQoS(2):
            """
            the QoS of the route \(Excerpt(of: text)) is 2; allowed: 0 or 1. At QoS 1, the broker also delivers QoS 2 \
            publications, and they are acknowledged only after they are processed
            """
        case .badQoS(let qos): "the QoS of the route \(Excerpt(of: text)) is \(qos); allowed: 0 or 1"
        case .noDevice:
            """
            the status topic \(Excerpt(of: text)) does not name a device; expected a topic with the level {device}, \
            such as sensors/{device}/status
            """
        }
    }

    private func sentence(_ what: String) -> String {
        switch subject {
        case .name: "the topic name \(Excerpt(of: text)) \(what)"
        case .filter: "the filter \(Excerpt(of: text)) \(what)"
        case .route: "the route topic is invalid: the filter \(Excerpt(of: text)) \(what)"
        }
    }
}
