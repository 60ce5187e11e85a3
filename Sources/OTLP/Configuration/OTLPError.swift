/// An error in the settings of the export. The description names the variable and what is allowed.
package enum OTLPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An invalid environment variable.
    package struct Mistake: Sendable, Equatable, CustomStringConvertible {
        package let variable: String
        /// The invalid value; `nil` when it may be a secret.
        package let value: String?
        /// A description of the allowed values, for the error message.
        package let allowed: String

        package var description: String {
            "\(variable) is \(value.map { "\"\($0)\"" } ?? "invalid (value not shown)"); allowed: \(allowed)"
        }
    }

    /// Environment variables are invalid. The error lists all of them, so that one start reveals every mistake.
    case invalidVariables([Mistake])
    /// A TLS file cannot be used. The setting is the variable's name without its prefix, for example `CERTIFICATE`.
    case unusableFile(String, setting: String, OTLPSignal, reason: String)

    /// The invalid variables, in the order in which they were read; empty when a file cannot be used.
    package var mistakes: [Mistake] {
        if case .invalidVariables(let mistakes) = self { mistakes } else { [] }
    }

    package var description: String {
        switch self {
        case .invalidVariables(let mistakes): mistakes.map(\.description).joined(separator: "\n")
        case .unusableFile(let file, let setting, let signal, let reason):
            "OTEL_EXPORTER_OTLP_\(setting) (\(signal.rawValue)): \"\(file)\" is not a usable PEM file: \(reason)"
        }
    }
}
