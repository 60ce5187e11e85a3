import Core

/// An MQTT topic filter: levels separated by `/`, where `+` matches any one level and a final `#` any number of levels,
/// including none. Room filters have the same form.
///
/// `$share/{group}/{filter}` is a shared subscription. A filter that begins with a wildcard does not match topics whose
/// first level begins with `$`. For rooms, the same applies to further first levels such as `users`, which the caller
/// passes to ``matches(_:protecting:)`` and ``covers(_:protecting:)``.
///
/// Source: MQTT 5, sections 4.7.1, 4.7.2 (`$`) and 4.8.2 (shared subscriptions).
package struct TopicFilter: Hashable, Sendable, CustomStringConvertible {
    /// The whole text, including `$share/…`.
    package let rawValue: String
    /// The group of a shared subscription; `nil` for other filters.
    package let shareGroup: String?
    /// The levels that are compared with topics: those of the filter without `$share/{group}`; at least one.
    package let levels: [String]

    private static let sharePrefix = "$share"
    private static let singleLevel = "+"
    private static let multiLevel = "#"

    /// Parses a filter; throws if MQTT does not allow it, if it has too many levels, or if a level begins with a
    /// combining mark.
    package init(_ rawValue: String) throws(TopicError) {
        let problem: TopicError.Problem
        switch Self.parse(rawValue) {
        case .success(let parts):
            self.rawValue = rawValue
            self.shareGroup = parts.group
            self.levels = parts.levels
            return
        case .failure(let found): problem = found
        }
        throw TopicError(.filter, rawValue, problem)
    }

    /// Creates the filter that matches this name alone.
    package init(_ name: TopicName) {
        rawValue = name.rawValue
        shareGroup = nil
        levels = name.levels.map(String.init)
    }

    /// The filter without its shared group; the filter itself if it has none.
    package var underlying: TopicFilter {
        guard shareGroup != nil else { return self }
        return TopicFilter(levels: levels)
    }

    private init(levels: [String]) {
        self.rawValue = levels.joined(separator: "/")
        self.shareGroup = nil
        self.levels = levels
    }

    /// True when the filter has no wildcard and no shared group, so that it matches exactly one topic.
    package var isName: Bool { shareGroup == nil && !hasWildcard }

    /// True when a level is `+` or `#`.
    package var hasWildcard: Bool { levels.contains(where: Self.isWildcard) }

    package var description: String { rawValue }

    /// Compares only the text, because the other properties are derived from it.
    package static func == (lhs: TopicFilter, rhs: TopicFilter) -> Bool { lhs.rawValue == rhs.rawValue }

    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

    /// Returns true if messages to `topic` match this filter.
    ///
    /// A wildcard in the filter's first level does not match topics whose first level begins with `$` or is one of
    /// `protectedFirstLevels`.
    package func matches(_ topic: String, protecting protectedFirstLevels: [String] = []) -> Bool {
        let topicLevels = topic.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard let first = topicLevels.first else { return false }
        if Self.isWildcard(levels[0]), Self.isProtected(Substring(first), by: protectedFirstLevels) { return false }
        for (index, level) in levels.enumerated() {
            // Checked before the number of levels, because "sport/#" matches "sport" too.
            if level == Self.multiLevel { return true }
            guard index < topicLevels.count else { return false }
            if level != Self.singleLevel, !level.utf8.elementsEqual(topicLevels[index]) { return false }
        }
        return topicLevels.count == levels.count
    }

    /// Returns true if this filter certainly matches everything that `other` can match.
    ///
    /// Permissions depend on the result, so a doubtful case is false. `sensors/+` does not cover `sensors/#`, and `#`
    /// covers neither `$SYS/#` nor, when `users` is protected, `users/#`. The members of a shared subscription divide
    /// its messages among them. So a shared filter only covers filters of the same group, and a plain filter only plain
    /// ones.
    package func covers(_ other: TopicFilter, protecting protectedFirstLevels: [String] = []) -> Bool {
        guard shareGroup == other.shareGroup else { return false }
        if Self.isWildcard(levels[0]), !Self.isWildcard(other.levels[0]),
            Self.isProtected(other.levels[0], by: protectedFirstLevels)
        {
            return false
        }
        // A topic has at least one level, so "#" is equivalent to "+/#".
        let otherLevels = other.levels == ["#"] ? ["+", "#"] : other.levels
        for (index, level) in levels.enumerated() {
            if level == "#" { return true }
            guard index < otherLevels.count, otherLevels[index] != "#" else { return false }
            if level != "+", !level.utf8.elementsEqual(otherLevels[index].utf8) { return false }
        }
        return levels.count == otherLevels.count
    }

    /// Returns true if some topic matches both this filter and `other`. Shared groups are ignored.
    package func overlaps(_ other: TopicFilter) -> Bool {
        for (one, two) in [(self, other), (other, self)]
        where Self.isWildcard(one.levels[0]) && Self.isProtected(two.levels[0], by: []) { return false }
        for (level, otherLevel) in zip(levels, other.levels) {
            if level == "#" || otherLevel == "#" { return true }
            if level != "+", otherLevel != "+", !level.utf8.elementsEqual(otherLevel.utf8) { return false }
        }
        // "sport/#" matches "sport" too.
        let rest = levels.dropFirst(other.levels.count) + other.levels.dropFirst(levels.count)
        return rest.isEmpty || rest == ["#"]
    }

    /// Removes filters that another filter covers and keeps the order. Of equal filters the first one stays.
    ///
    /// Brokers may send a message once for every overlapping subscription (MQTT 5, section 3.3.4), so covered filters
    /// would cause duplicates.
    package static func minimal(_ filters: [TopicFilter]) -> [TopicFilter] {
        // There may be thousands of plain topics, which only cover themselves.
        let wide = filters.enumerated().filter { $1.hasWildcard }
        var names: Set<ExactString> = []
        return filters.enumerated().filter { index, filter in
            if !filter.hasWildcard, !names.insert(ExactString(filter.rawValue)).inserted { return false }
            return !wide.contains { otherIndex, other in
                otherIndex != index && other.covers(filter) && (otherIndex < index || !filter.covers(other))
            }
        }.map(\.element)
    }

    static func isWildcard(_ level: String) -> Bool { level == singleLevel || level == multiLevel }

    static func isProtected(_ firstLevel: some StringProtocol, by protectedFirstLevels: [String]) -> Bool {
        firstLevel.utf8.first == UInt8(ascii: "$") || protectedFirstLevels.contains { $0 == firstLevel }
    }
}

extension TopicFilter {
    private struct Parts {
        var group: String?
        var levels: [String]
    }

    private enum ParseResult {
        case success(Parts)
        case failure(TopicError.Problem)
    }

    private static func parse(_ text: String) -> ParseResult {
        if text.isEmpty { return .failure(.empty) }
        if text.utf8.count > TopicName.maximumByteCount { return .failure(.tooLong) }
        if text.utf8.contains(0) { return .failure(.containsNull) }
        var levels = text.unicodeScalars.split(
            separator: "/", maxSplits: TopicName.maximumLevelCount + 2, omittingEmptySubsequences: false
        ).map(String.init)
        var group: String?
        if levels[0] == sharePrefix {
            guard levels.count >= 3, !levels[1].isEmpty, levels.count > 3 || !levels[2].isEmpty,
                !levels[1].utf8.contains(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") })
            else { return .failure(.badShare) }
            group = levels[1]
            levels.removeFirst(2)
        }
        if levels.count > TopicName.maximumLevelCount { return .failure(.tooManyLevels) }
        for (index, level) in levels.enumerated() {
            if level.beginsWithCombiningMark { return .failure(.combiningMark) }
            if level == multiLevel, index < levels.count - 1 { return .failure(.multiLevelNotLast) }
            if isWildcard(level) { continue }
            if level.utf8.contains(UInt8(ascii: "+")) { return .failure(.partialWildcard(level)) }
            if level.utf8.contains(UInt8(ascii: "#")) { return .failure(.partialWildcard(level)) }
        }
        return .success(Parts(group: group, levels: levels))
    }
}
