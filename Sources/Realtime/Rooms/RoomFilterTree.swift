package import Telemetry

/// Which members joined by a filter with wildcards, found by a concrete room's name in time that depends on the
/// name's depth and not on the number of filters.
///
/// Wildcards follow MQTT's rules (MQTT 5.0, section 4.7); rooms that begin with `$` or with a protected first level
/// match no leading wildcard. Not thread-safe: it belongs to one shard.
package struct RoomFilterTree<Member: AnyObject> {
    private final class Node {
        var children: [String: Node] = [:]
        var members: [ObjectIdentifier: Member] = [:]
        /// Members whose filter ends here with `#`.
        var subtreeMembers: [ObjectIdentifier: Member] = [:]

        var isEmpty: Bool { children.isEmpty && members.isEmpty && subtreeMembers.isEmpty }
    }

    private let root = Node()
    private let protectedFirstLevels: Set<String>
    private static var single: String { "+" }

    /// A tree in which rooms under one of `protectedFirstLevels` are reached only by filters that name that level.
    package init(protecting protectedFirstLevels: [String] = []) {
        self.protectedFirstLevels = Set(protectedFirstLevels)
    }

    package var isEmpty: Bool { root.isEmpty }

    /// Adds `member` under `filter`; adding it twice is the same as once.
    package func insert(_ member: Member, under filter: TopicFilter) {
        var levels = Self.levels(of: filter.rawValue)
        let isSubtree = levels.last == "#"
        if isSubtree { levels.removeLast() }
        var node = root
        for level in levels {
            let name = String(level)
            if let next = node.children[name] {
                node = next
            } else {
                let next = Node()
                node.children[name] = next
                node = next
            }
        }
        if isSubtree {
            node.subtreeMembers[ObjectIdentifier(member)] = member
        } else {
            node.members[ObjectIdentifier(member)] = member
        }
    }

    /// Takes `member` from under `filter`, and branches that nobody needs any more.
    package func remove(_ member: Member, under filter: TopicFilter) {
        var levels = Self.levels(of: filter.rawValue)
        let isSubtree = levels.last == "#"
        if isSubtree { levels.removeLast() }
        remove(member, at: root, levels[...], isSubtree)
    }

    /// Calls `body` for every member whose filter matches `room`; more than once for one with several such filters.
    package func forEachMember(matching room: String, _ body: (Member) -> Void) {
        let levels = Self.levels(of: room)
        guard let first = levels.first else { return }
        let isProtected = first.hasPrefix("$") || protectedFirstLevels.contains(String(first))
        visit(root, levels[...], allowsWildcard: !isProtected, body)
    }

    private func visit(
        _ node: Node, _ levels: ArraySlice<Substring>, allowsWildcard: Bool, _ body: (Member) -> Void
    ) {
        // "sensors/#" also matches "sensors" itself (section 4.7.1.2).
        if allowsWildcard { node.subtreeMembers.values.forEach(body) }
        guard let level = levels.first else { return node.members.values.forEach(body) }
        let rest = levels.dropFirst()
        if let next = node.children[String(level)] { visit(next, rest, allowsWildcard: true, body) }
        if allowsWildcard, let next = node.children[Self.single] { visit(next, rest, allowsWildcard: true, body) }
    }

    private func remove(
        _ member: Member, at node: Node, _ levels: ArraySlice<Substring>, _ isSubtree: Bool
    ) {
        guard let level = levels.first else {
            if isSubtree {
                node.subtreeMembers[ObjectIdentifier(member)] = nil
            } else {
                node.members[ObjectIdentifier(member)] = nil
            }
            return
        }
        guard let next = node.children[String(level)] else { return }
        remove(member, at: next, levels.dropFirst(), isSubtree)
        if next.isEmpty { node.children[String(level)] = nil }
    }

    private static func levels(of name: String) -> [Substring] {
        name.split(separator: "/", omittingEmptySubsequences: false)
    }
}
