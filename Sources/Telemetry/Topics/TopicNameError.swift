/// Why a text is no topic name.
package struct TopicNameError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Hashable, Sendable {
        case empty
        case tooLong
        case tooManyLevels
        case containsNull
        case containsWildcard
        /// A level begins with a mark that would join the `/` before it.
        case joiningMark
    }

    package var name: String
    package var problem: Problem

    package var description: String {
        let what =
            switch problem {
            case .empty: "is empty; a name has 1 to \(TopicName.maximumByteCount) bytes"
            case .tooLong: "is \(name.utf8.count) bytes long; a name has 1 to \(TopicName.maximumByteCount) bytes"
            case .tooManyLevels: "has more than \(TopicName.maximumLevelCount) levels"
            case .containsNull: "contains the character U+0000, which no name may"
            case .joiningMark: "has a level that begins with a mark which joins the character before it"
            case .containsWildcard: "contains '+' or '#', which only filters may"
            }
        return "the topic name \(Excerpt(of: name)) \(what)"
    }
}
