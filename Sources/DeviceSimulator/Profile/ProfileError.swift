/// Everything that is wrong with the device files that were loaded, found in one go.
package struct ProfileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In the order of files and lines; never empty.
    package var problems: [ProfileProblem]

    /// One line for each problem.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
