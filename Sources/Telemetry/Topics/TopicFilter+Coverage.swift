extension TopicFilter {
    /// Whether this filter matches everything that `other` can match.
    ///
    /// This decides grants, so it says yes only when that is certain: `sensors/+` does not cover `sensors/#`, and `#`
    /// covers neither `$SYS/#` nor, when `users` is protected, `users/#`. Shared subscriptions share out their
    /// messages, so they compare only with those of the same group, and plain filters only with plain ones.
    package func covers(_ other: TopicFilter, protecting protectedFirstLevels: [String] = []) -> Bool {
        guard shareGroup == other.shareGroup else { return false }
        if Self.isWildcard(levels[0]), !Self.isWildcard(other.levels[0]),
            Self.isProtected(other.levels[0], by: protectedFirstLevels)
        {
            return false
        }
        // A topic has at least one level, so "#" asks for what "+/#" does.
        let otherLevels = other.levels == ["#"] ? ["+", "#"] : other.levels
        for (index, level) in levels.enumerated() {
            if level == "#" { return true }
            guard index < otherLevels.count, otherLevels[index] != "#" else { return false }
            if level != "+", !level.utf8.elementsEqual(otherLevels[index].utf8) { return false }
        }
        return levels.count == otherLevels.count
    }

    /// The filters without those that another one covers, in their order; of equal ones the first stays.
    ///
    /// Brokers may send a message once for every overlapping subscription (MQTT 5, section 3.3.4), so that filters
    /// within others would make doubles.
    package static func minimal(_ filters: [TopicFilter]) -> [TopicFilter] {
        filters.enumerated().filter { index, filter in
            !filters.enumerated().contains { otherIndex, other in
                otherIndex != index && other.covers(filter) && (otherIndex < index || !filter.covers(other))
            }
        }.map(\.element)
    }
}
