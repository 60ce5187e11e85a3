import Yams

/// Gathers what is wrong with one file while it is read, so that a user sees all of it at once.
///
/// A class, because the readers of nested mappings add to the same list; it never leaves the call that made it.
final class ProblemCollector {
    let path: String
    private(set) var problems: [ProfileProblem] = []

    init(path: String) {
        self.path = path
    }

    func add(_ message: String, line: Int? = nil, key: String? = nil, path: String? = nil) {
        problems.append(ProfileProblem(path: path ?? self.path, line: line, key: key, message: message))
    }

    func add(_ message: String, at node: Node, key: String) {
        add(message, line: node.mark?.line, key: key.isEmpty ? nil : key)
    }

    /// The problems as an error when there are any, sorted by line.
    func error() -> ProfileError? {
        problems.isEmpty ? nil : ProfileError(problems: problems.sorted { ($0.line ?? 0) < ($1.line ?? 0) })
    }
}
