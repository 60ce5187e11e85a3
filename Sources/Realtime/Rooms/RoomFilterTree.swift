package import Telemetry

/// Which members joined by a filter with wildcards, found by a concrete room's name in time that depends on the
/// name's depth and not on the number of filters.
///
/// A run of levels at which no filter ends and none branches is one node, so that a filter costs two nodes at most,
/// however deep it is.
///
/// Wildcards follow MQTT's rules (MQTT 5.0, section 4.7); rooms that begin with `$` or with a protected first level
/// match no leading wildcard. Not thread-safe: it belongs to one shard.
package struct RoomFilterTree<Member: AnyObject> {
    private final class Node {
        /// The levels from the parent to here: at least one, but for the root.
        var path: ArraySlice<String>
        /// By the first level of their paths.
        var children: [String: Node] = [:]
        var members: [ObjectIdentifier: Member] = [:]
        /// Members whose filter ends here with `#`.
        var subtreeMembers: [ObjectIdentifier: Member] = [:]

        init(path: ArraySlice<String> = []) {
            self.path = path
        }

        /// Whether no filter ends here.
        var isBranch: Bool { members.isEmpty && subtreeMembers.isEmpty }
        var isEmpty: Bool { children.isEmpty && isBranch }
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
        let (levels, isSubtree) = Self.path(of: filter)
        let node = makeNode(at: levels)
        if isSubtree {
            node.subtreeMembers[ObjectIdentifier(member)] = member
        } else {
            node.members[ObjectIdentifier(member)] = member
        }
    }

    /// Takes `member` from under `filter`, and branches that nobody needs any more.
    package func remove(_ member: Member, under filter: TopicFilter) {
        let (levels, isSubtree) = Self.path(of: filter)
        remove(member, at: root, levels, isSubtree)
    }

    /// Calls `body` for every member whose filter matches `room`; more than once for one with several such filters.
    package func forEachMember(matching room: String, _ body: (Member) -> Void) {
        let levels = room.split(separator: "/", omittingEmptySubsequences: false)
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
        if let next = node.children[String(level)] { follow(next, levels, body) }
        if allowsWildcard, let next = node.children[Self.single] { follow(next, levels, body) }
    }

    /// Visits the node if the levels begin with its path.
    private func follow(_ node: Node, _ levels: ArraySlice<Substring>, _ body: (Member) -> Void) {
        guard levels.count >= node.path.count,
            zip(node.path, levels).allSatisfy({ $0 == $1 || $0 == Self.single })
        else { return }
        visit(node, levels.dropFirst(node.path.count), allowsWildcard: true, body)
    }

    /// The node for a filter's levels; a path in the midst of which it lies is split there.
    private func makeNode(at levels: ArraySlice<String>) -> Node {
        var node = root
        var rest = levels
        while let level = rest.first {
            guard let child = node.children[level] else {
                let leaf = Node(path: rest)
                node.children[level] = leaf
                return leaf
            }
            let commonCount = zip(child.path, rest).prefix { $0 == $1 }.count
            rest = rest.dropFirst(commonCount)
            if commonCount < child.path.count {
                let upper = Node(path: child.path.prefix(commonCount))
                child.path = child.path.dropFirst(commonCount)
                upper.children[child.path[child.path.startIndex]] = child
                node.children[level] = upper
                node = upper
            } else {
                node = child
            }
        }
        return node
    }

    private func remove(
        _ member: Member, at node: Node, _ levels: ArraySlice<String>, _ isSubtree: Bool
    ) {
        guard let level = levels.first else {
            if isSubtree {
                node.subtreeMembers[ObjectIdentifier(member)] = nil
            } else {
                node.members[ObjectIdentifier(member)] = nil
            }
            return
        }
        guard let next = node.children[level], levels.starts(with: next.path) else { return }
        remove(member, at: next, levels.dropFirst(next.path.count), isSubtree)
        if next.isEmpty {
            node.children[level] = nil
        } else if next.isBranch, next.children.count == 1, let only = next.children.values.first {
            only.path = next.path + only.path
            node.children[level] = only
        }
    }

    /// The filter's levels without a final `#`, and whether it has one.
    private static func path(of filter: TopicFilter) -> (levels: ArraySlice<String>, isSubtree: Bool) {
        let isSubtree = filter.levels.last == "#"
        return (isSubtree ? filter.levels.dropLast() : filter.levels[...], isSubtree)
    }
}
