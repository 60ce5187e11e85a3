extension TopicRoute {
    /// What the pattern's captures stand for in `topic`, or `nil` when the topic is not of this route.
    ///
    /// A capture needs a level that is not empty. As in any filter, a capture or wildcard in the first level does not
    /// match what begins with `$`.
    package func captures(in topic: String) -> [String: String]? {
        // Of a topic with more levels than the pattern the rest stays in one piece.
        let topicLevels = topic.split(
            separator: "/", maxSplits: levels.count, omittingEmptySubsequences: false)
        guard let first = topicLevels.first else { return nil }
        if first.utf8.first == UInt8(ascii: "$"), levels[0].isWildcard { return nil }
        var captures: [String: String] = [:]
        for (index, level) in levels.enumerated() {
            if level == .rest { return captures }
            guard index < topicLevels.count else { return nil }
            switch level {
            case .text(let text): if !text.utf8.elementsEqual(topicLevels[index].utf8) { return nil }
            case .capture(let name):
                if topicLevels[index].isEmpty { return nil }
                captures[name] = String(topicLevels[index])
            case .any, .rest: continue
            }
        }
        return topicLevels.count == levels.count ? captures : nil
    }
}

extension TopicRoute.Level {
    fileprivate var isWildcard: Bool {
        if case .text = self { false } else { true }
    }
}
