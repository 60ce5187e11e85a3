import Core
package import Telemetry

/// A radix tree of members by the wildcard filter they joined. The cost of a lookup depends on the depth of the room's
/// name, not on the number of filters.
///
/// Consecutive levels at which no filter ends and no path branches share one node. A filter therefore adds at most two
/// nodes, however deep it is.
///
/// Wildcards follow MQTT 5.0, section 4.7. A wildcard at the beginning of a filter does not match rooms that begin with
/// `$` or with a protected first level.
///
/// Not thread-safe while it changes. A tree that no longer changes may be read from several threads.
package struct RoomFilterTree<Member: AnyObject> {
    private final class Node {
        /// The levels from the parent to this node: at least one, except in the root.
        var path: ArraySlice<String>
        /// The children, by the first level of their path.
        var children: [String: Node] = [:]
        var members: [ObjectIdentifier: Member] = [:]
        /// Members whose filter ends here with `#`.
        var subtreeMembers: [ObjectIdentifier: Member] = [:]

        init(path: ArraySlice<String> = []) {
            self.path = path
        }

        /// True when no filter ends here.
        var isBranch: Bool { members.isEmpty && subtreeMembers.isEmpty }
        var isEmpty: Bool { children.isEmpty && isBranch }
    }

    private let root = Node()
    private let protectedFirstLevels: Set<String>
    private static var single: String { "+" }

    /// Creates a tree in which a filter that begins with a wildcard does not match rooms under `protectedFirstLevels`.
    package init(protecting protectedFirstLevels: [String] = []) {
        self.protectedFirstLevels = Set(protectedFirstLevels)
    }

    package var isEmpty: Bool { root.isEmpty }

    /// Adds `member` under `filter`. Idempotent.
    package func insert(_ member: Member, under filter: TopicFilter) {
        let (levels, isSubtree) = Self.path(of: filter)
        let node = makeNode(at: levels)
        if isSubtree {
            node.subtreeMembers[ObjectIdentifier(member)] = member
        } else {
            node.members[ObjectIdentifier(member)] = member
        }
    }

    /// Removes `member` from `filter`, and nodes that are no longer needed.
    package func remove(_ member: Member, under filter: TopicFilter) {
        let (levels, isSubtree) = Self.path(of: filter)
        remove(member, at: root, levels, isSubtree)
    }

    /// Calls `body` for every member whose filter matches `room`, once per matching filter.
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

    /// Returns the node for a filter's levels, creating it if needed. If the levels end within an existing node's path,
    /// that node is split.
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

    /// Returns the filter's levels without a final `#`, and whether it has one.
    private static func path(of filter: TopicFilter) -> (levels: ArraySlice<String>, isSubtree: Bool) {
        let isSubtree = filter.levels.last == "#"
        return (isSubtree ? filter.levels.dropLast() : filter.levels[...], isSubtree)
    }
}
