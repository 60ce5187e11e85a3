/// Invalid settings, or invalid content of a file that an operator writes. All problems that were found are reported
/// together.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One problem and its place.
    package struct Problem: Hashable, Sendable, CustomStringConvertible {
        /// The path of the file as the user gave it, the environment variable, or the flag.
        package var origin: String
        /// The line in the file, counted from 1; `nil` outside of files, and for a problem of the file as a whole.
        package var line: Int?
        /// The key with its parent keys, such as `metrics.temperature.decimals`, or the column of a CSV file.
        package var key: String?
        /// The problem, the value unless it is a secret, and what is allowed.
        package var message: String

        package init(origin: String, line: Int? = nil, key: String? = nil, message: String) {
            self.origin = origin
            self.line = line
            self.key = key
            self.message = message
        }

        /// One line such as `devices/fleet.yaml:12: metrics.temperature.decimals: …`.
        package var description: String {
            let place = origin + (line.map { ":\($0)" } ?? "")
            return ([place] + (key.map { [$0] } ?? []) + [message]).joined(separator: ": ")
        }
    }

    /// The problems, those of a file in the order of its lines; never empty.
    package var problems: [Problem]

    package init(_ problems: [Problem]) {
        self.problems = problems
    }

    /// Creates an error with one problem.
    package init(origin: String, line: Int? = nil, key: String? = nil, problem: String) {
        problems = [Problem(origin: origin, line: line, key: key, message: problem)]
    }

    /// One line per problem.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// The reason why a text is not valid, with what is allowed. Its thrower does not know where the text is from; the
/// reader of the file or setting adds that and throws a ``ConfigurationError``.
package struct InvalidText: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// The error for something outside of the program that is required and not available: a program, a file, a port, a
/// server.
package struct Unavailable: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) {
        self.description = description
    }
}
