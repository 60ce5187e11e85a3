import Yams

/// All problems found in the device files that were loaded.
package struct ProfileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The problems in the order of files and lines; never empty.
    package var problems: [ProfileProblem]

    /// One line per problem.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// One problem of a device file.
package struct ProfileProblem: Hashable, Sendable, CustomStringConvertible {
    /// The path of the device file, or of the CSV file that it replays, as the user gave it.
    package var path: String
    /// The line, counted from 1; `nil` for a problem of the file as a whole.
    package var line: Int?
    /// The key with its parent keys, such as `metrics.temperature.decimals`, or the column of a CSV file.
    package var key: String?
    /// The problem and the allowed values.
    package var message: String

    /// One line such as `devices/fleet.yaml:12: metrics.temperature.decimals: …`.
    package var description: String {
        let place = path + (line.map { ":\($0)" } ?? "")
        return ([place] + (key.map { [$0] } ?? []) + [message]).joined(separator: ": ")
    }
}

/// The problems of one device file. They are collected while the file is read, so that the user sees all of them at
/// once.
///
/// A class, because the readers of nested mappings append to the same list. It is used only within the call that
/// creates it, so it needs no lock.
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

    /// Returns the problems as an error, sorted by line; `nil` when there are none.
    func error() -> ProfileError? {
        problems.isEmpty ? nil : ProfileError(problems: problems.sorted { ($0.line ?? 0) < ($1.line ?? 0) })
    }
}

/// Descriptions of YAML parser errors.
enum YAMLFailure {
    /// Returns the line of an error, when the parser names one, and a message of one line.
    static func describe(_ error: YamlError) -> (line: Int?, message: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            (mark.line, (context.map { "\(problem) \($0.text)" } ?? problem) + hint(problem))
        case .duplicatedKeysInMapping(let duplicates, let context):
            (context.mark.line, "duplicate key \(duplicates.joined(separator: ", "))")
        case .reader(let problem, _, _, _): (nil, problem)
        default: (nil, "\(error)")
        }
    }

    /// Returns a hint for an unterminated mapping in braces. The usual cause is an unquoted `{device}` inside it.
    private static func hint(_ problem: String) -> String {
        problem.contains("'}'") ? "; a string with { } inside { } needs quotes" : ""
    }
}
