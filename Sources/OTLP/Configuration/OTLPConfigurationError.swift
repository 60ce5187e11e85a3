/// Environment variables that cannot be used: all of them at once, so that one start shows every mistake.
package struct OTLPConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Mistake: Sendable, Equatable, CustomStringConvertible {
        package let variable: String
        /// `nil` where it may be a secret.
        package let value: String?
        /// What may stand there.
        package let allowed: String

        package var description: String {
            "\(variable) is \(value.map { "\"\($0)\"" } ?? "set to something (not shown)"), allowed is \(allowed)"
        }
    }

    /// In the order in which the variables were looked at.
    package let mistakes: [Mistake]

    package var description: String { mistakes.map(\.description).joined(separator: "; ") }
}
