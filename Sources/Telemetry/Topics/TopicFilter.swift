/// A topic filter of MQTT, which is also the form of a room filter: levels separated by `/`, of which `+` stands for
/// any one level and a final `#` for any number of them, none included.
///
/// Source: MQTT 5, section 4.7.1; `$share/{group}/{filter}` is a shared subscription, section 4.8.2.
/// A filter that begins with a wildcard matches nothing whose first level begins with `$` (section 4.7.2).
/// Rooms protect further first levels, such as `users`: those are told to ``matches(_:protecting:)`` and
/// ``covers(_:protecting:)``.
package struct TopicFilter: Hashable, Sendable, CustomStringConvertible {
    /// The whole text, `$share/…` included.
    package let rawValue: String
    /// The group of a shared subscription, else `nil`.
    package let shareGroup: String?
    /// The levels that topics are compared with, those of ``underlying``; there is at least one.
    package let levels: [String]

    private static let sharePrefix = "$share"
    private static let singleLevel = "+"
    private static let multiLevel = "#"

    /// The filter of that text; throws when MQTT allows no such filter.
    package init(_ rawValue: String) throws(TopicFilterError) {
        let problem: TopicFilterError.Problem
        switch Self.parse(rawValue) {
        case .success(let parts):
            self.rawValue = rawValue
            self.shareGroup = parts.group
            self.levels = parts.levels
            return
        case .failure(let found): problem = found
        }
        throw TopicFilterError(filter: rawValue, problem: problem)
    }

    /// The filter that matches this name alone.
    package init(_ name: TopicName) {
        rawValue = name.rawValue
        shareGroup = nil
        levels = name.levels.map(String.init)
    }

    /// The filter without the shared group; itself when it has none.
    package var underlying: TopicFilter {
        guard shareGroup != nil else { return self }
        return TopicFilter(levels: levels)
    }

    private init(levels: [String]) {
        self.rawValue = levels.joined(separator: "/")
        self.shareGroup = nil
        self.levels = levels
    }

    /// Whether the filter has no wildcard, so that it matches the one topic of its name.
    package var isName: Bool {
        shareGroup == nil && !levels.contains { $0 == Self.singleLevel || $0 == Self.multiLevel }
    }

    package var description: String { rawValue }

    /// Equal text is an equal filter; the rest is derived from it.
    package static func == (lhs: TopicFilter, rhs: TopicFilter) -> Bool { lhs.rawValue == rhs.rawValue }

    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

    /// Whether messages to `topic` are for this filter.
    ///
    /// Topics whose first level begins with `$` or is one of `protectedFirstLevels` are not matched by a wildcard in
    /// the filter's first level.
    package func matches(_ topic: String, protecting protectedFirstLevels: [String] = []) -> Bool {
        let topicLevels = topic.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard let first = topicLevels.first else { return false }
        if Self.isWildcard(levels[0]), Self.isProtected(Substring(first), by: protectedFirstLevels) { return false }
        for (index, level) in levels.enumerated() {
            if level == Self.multiLevel { return true }
            guard index < topicLevels.count else { return false }
            if level != Self.singleLevel, !level.utf8.elementsEqual(topicLevels[index]) { return false }
        }
        // "sport/#" matches "sport" too: that is decided here, where the filter has one level more.
        return topicLevels.count == levels.count
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
        case failure(TopicFilterError.Problem)
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
            if level.beginsWithJoiningMark { return .failure(.joiningMark) }
            if level == multiLevel, index < levels.count - 1 { return .failure(.multiLevelNotLast) }
            if isWildcard(level) { continue }
            if level.utf8.contains(UInt8(ascii: "+")) { return .failure(.partialWildcard(level)) }
            if level.utf8.contains(UInt8(ascii: "#")) { return .failure(.partialWildcard(level)) }
        }
        return .success(Parts(group: group, levels: levels))
    }
}
