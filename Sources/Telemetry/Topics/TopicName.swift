import Core

/// The name of an MQTT topic: levels separated by `/`, without wildcards. Room names have the same form.
///
/// Source: MQTT 5, sections 4.7.1 and 4.7.3. Empty levels count, so `a` and `/a` are different names.
package struct TopicName: Hashable, Sendable, CustomStringConvertible {
    /// The maximum length of a name or filter in UTF-8 bytes, set by MQTT.
    package static let maximumByteCount = 65_535
    /// The maximum number of levels in a name or filter, which limits the depth of trees that store names by level.
    package static let maximumLevelCount = 128

    package let rawValue: String

    /// Creates a topic name; throws if MQTT does not allow it, if it has too many levels, or if a level begins with a
    /// combining mark.
    package init(_ rawValue: String) throws(TopicError) {
        if let problem = Self.problem(of: rawValue) { throw TopicError(.name, rawValue, problem) }
        self.rawValue = rawValue
    }

    /// The levels from first to last; at least one.
    package var levels: [Substring] {
        rawValue.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false).map(Substring.init)
    }

    package var description: String { rawValue }

    private static func problem(of name: String) -> TopicError.Problem? {
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
        return levels.contains { Substring($0).beginsWithCombiningMark } ? .combiningMark : nil
    }
}
