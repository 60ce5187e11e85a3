/// Why a text is no topic filter.
package struct TopicFilterError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Hashable, Sendable {
        case empty
        case tooLong
        case tooManyLevels
        case containsNull
        /// `#` before the last level.
        case multiLevelNotLast
        /// A wildcard that shares its level with other characters, as in `room+`.
        case partialWildcard(String)
        /// `$share` without a group, or without a filter behind it.
        case badShare
        /// A level begins with a mark that would join the `/` before it.
        case joiningMark
    }

    package var filter: String
    package var problem: Problem

    package var description: String {
        let what =
            switch problem {
            case .empty: "is empty; a filter has 1 to \(TopicName.maximumByteCount) bytes"
            case .tooLong: "is \(filter.utf8.count) bytes long; a filter has 1 to \(TopicName.maximumByteCount) bytes"
            case .tooManyLevels: "has more than \(TopicName.maximumLevelCount) levels"
            case .containsNull: "contains the character U+0000, which no filter may"
            case .multiLevelNotLast: "has '#' before its last level; '#' may only be the last level"
            case .partialWildcard(let level):
                "has a wildcard inside the level \(Excerpt(of: level)); '+' and '#' must be a whole level"
            case .joiningMark: "has a level that begins with a mark which joins the character before it"
            case .badShare: "is no shared subscription; allowed is $share/{group}/{filter}, no wildcard in the group"
            }
        return "the filter \(Excerpt(of: filter)) \(what)"
    }
}
