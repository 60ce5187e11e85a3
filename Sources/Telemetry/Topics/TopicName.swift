/// The name of an MQTT topic, which is also the form of a room's name: levels separated by `/`, without wildcards.
///
/// Source: MQTT 5, sections 4.7.1 and 4.7.3. An empty level is a level; `a` and `/a` are two names.
package struct TopicName: Hashable, Sendable, CustomStringConvertible {
    /// The most bytes of UTF-8 that MQTT can carry in a name or filter.
    package static let maximumByteCount = 65_535
    /// The most levels that a name or filter may have, so that trees of them stay shallow.
    package static let maximumLevelCount = 128

    package let rawValue: String

    /// The topic of that name; throws when MQTT has no such topic.
    package init(_ rawValue: String) throws(TopicNameError) {
        if let problem = Self.problem(of: rawValue) { throw TopicNameError(name: rawValue, problem: problem) }
        self.rawValue = rawValue
    }

    /// The levels from first to last; there is at least one.
    package var levels: [Substring] {
        rawValue.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false).map(Substring.init)
    }

    package var description: String { rawValue }

    private static func problem(of name: String) -> TopicNameError.Problem? {
        if name.isEmpty { return .empty }
        if name.utf8.count > maximumByteCount { return .tooLong }
        var levelCount = 1
        for byte in name.utf8 {
            switch byte {
            case 0: return .containsNull
            case UInt8(ascii: "+"), UInt8(ascii: "#"): return .containsWildcard
            case UInt8(ascii: "/"): levelCount += 1
            default: continue
            }
        }
        if levelCount > maximumLevelCount { return .tooManyLevels }
        let levels = name.unicodeScalars.split(separator: "/", omittingEmptySubsequences: true)
        return levels.contains { Substring($0).beginsWithJoiningMark } ? .joiningMark : nil
    }
}

extension StringProtocol {
    /// True for a text whose first character is a mark that joins the character before it.
    ///
    /// Behind a `/` the two would be one character, which equals no `/`: code that looks at characters would see other levels
    /// than code that looks at bytes. No level of a name may begin so.
    var beginsWithJoiningMark: Bool {
        guard let first = unicodeScalars.first, !first.isASCII else { return false }
        return "/\(first)".count == 1
    }
}
